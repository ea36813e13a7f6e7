"""`--set optimizer.lr=0.1`: values that are put into a configuration from outside.

Works on the native dialect, so that a path means the same whatever the file's words are. It knows no component.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from mlgym_core.config.nodes import Mapping, Node, Scalar, Sequence
from mlgym_core.config.suggestions import did_you_mean
from mlgym_core.config.yaml_reader import parse_value
from mlgym_core.errors import ConfigError, Diagnostic, Place

_COMPONENT = re.compile(r"[^.]+(\.[0-9]+)?")


def apply_overrides(tree: Mapping, overrides: Iterable[str]) -> Mapping:
    """The tree with each `PATH=VALUE` in it; values are YAML, so that a sweep may be set too.

    Raises:
        ConfigError: no `=`, a value that is no YAML, or a path whose parent does not exist; all of them.
    """
    diagnostics: list[Diagnostic] = []
    for override in overrides:
        try:
            tree = _apply(tree, override)
        except ConfigError as error:
            diagnostics.extend(error.diagnostics)
    if diagnostics:
        raise ConfigError(diagnostics)
    return tree


def _apply(tree: Mapping, override: str) -> Mapping:
    path, equals, text = override.partition("=")
    place = Place(file=f"--set {path.strip()}", line=0, column=0)
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise _fault("is written PATH=VALUE, such as `--set optimizer.lr=0.1`", place)
    value = parse_value(text, place)
    if keys[0] == "run" and "run" not in tree:
        tree = tree.with_entry("run", Mapping(entries={}, key_places={}, place=place))
    changed = _changed(tree, keys, value, place, depth=0)
    assert isinstance(changed, Mapping)
    return changed


def _fault(message: str, place: Place, hint: str | None = None) -> ConfigError:
    return ConfigError([Diagnostic(code="MG233", message=message, place=place, hint=hint)])


def _changed(node: Node, keys: list[str], value: Node, place: Place, depth: int) -> Node:
    if depth == len(keys):
        return value
    key, is_last = keys[depth], depth == len(keys) - 1
    where = ".".join(keys[:depth])
    if isinstance(node, Sequence):
        index = _index(node, key, where, place)
        items = [*node.items]
        items[index] = _changed(items[index], keys, value, place, depth + 1)
        return Sequence(items=tuple(items), place=node.place)
    if isinstance(node, Scalar):
        node = _as_component(node, where, place)
    if key not in node and not is_last:
        known = list(node)
        behind = f" in `{where}`" if where else ""
        message = f"there is no {key!r}{behind}{did_you_mean(key, known)}"
        raise _fault(message, place, f"there is: {', '.join(known)}")
    child = node.get(key)
    return node.with_entry(key, value if child is None else _changed(child, keys, value, place, depth + 1))


def _index(node: Sequence, key: str, where: str, place: Place) -> int:
    if key.isdecimal() and int(key) < len(node.items):
        return int(key)
    raise _fault(f"`{where}` is a list of {len(node.items)}, so {key!r} must be one of its positions", place)


def _as_component(node: Scalar, where: str, place: Place) -> Mapping:
    """A slot, or an item of a list of components, that is a bare name."""
    if not isinstance(node.value, str) or not _COMPONENT.fullmatch(where):
        raise _fault(f"`{where}` is a plain value that holds nothing else", place)
    return Mapping(entries={"use": node}, key_places={"use": node.place}, place=node.place)
