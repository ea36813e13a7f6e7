"""`$slot`, `$slot.key` and `$slot.key.sub`: how one component names another, or a part of it.

`$$` at the start of a string stands for one dollar sign and no reference.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlgym_core.config.suggestions import did_you_mean
from mlgym_core.errors import BuildError

_REFERENCE = re.compile(r"\$([A-Za-z_][\w-]*)((?:\.[\w-]+)*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A slot, and the keys that lead to the part of it."""

    slot: str
    keys: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "$" + ".".join((self.slot, *self.keys))


def parse_reference(value: object) -> Reference | None:
    """The reference that a string is, or None."""
    match = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    return Reference(slot=match[1], keys=tuple(match[2].split(".")[1:])) if match else None


def unescape(value: Any) -> Any:
    """A plain value whose strings have lost the dollar sign that kept them from being references."""
    if isinstance(value, str):
        return value[1:] if value.startswith("$$") else value
    if isinstance(value, list):
        return [unescape(item) for item in value]
    if isinstance(value, dict):
        return {key: unescape(item) for key, item in value.items()}
    return value


def follow(target: Any, reference: Reference) -> Any:
    """The part of a built component that a reference names: an item, or else a public attribute.

    Raises:
        BuildError: there is no such part.
    """
    for depth, key in enumerate(reference.keys):
        found = _part(target, key)
        if found is _NOTHING:
            whole = Reference(slot=reference.slot, keys=reference.keys[:depth])
            known = _part_names(target)
            raise BuildError(
                f"{reference}: {whole} has no {key!r}{did_you_mean(key, known)}",
                code="MG303",
                hint=f"it has: {', '.join(known)}" if known else None,
            )
        target = found
    return target


_NOTHING = object()


def _part(target: Any, key: str) -> Any:
    if isinstance(target, Mapping):
        return target.get(key, _NOTHING)
    if isinstance(target, Sequence) and key.isdecimal():
        return target[int(key)] if int(key) < len(target) else _NOTHING
    return _NOTHING if key.startswith("_") else getattr(target, key, _NOTHING)


def _part_names(target: Any) -> list[str]:
    if isinstance(target, Mapping):
        return [str(key) for key in target]
    if isinstance(target, Sequence):
        return [str(index) for index in range(len(target))]
    return []
