"""What a sweep is, and the values that it stands for: a list, a range, a logarithmic range, or a choice of subtrees.

Knows nothing of grids.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import TypeGuard

from mlgym_core.config.nodes import Mapping, Node, Scalar, Sequence
from mlgym_core.config.suggestions import did_you_mean
from mlgym_core.errors import ConfigError, Diagnostic

TOO_MANY_HINT = "`max_experiments` in the `run:` block, or --max_experiments, allows more"
_DIGITS = 12


class _TooManyError(Exception):
    """A range that alone goes over the limit."""


def is_sweep(node: Node) -> TypeGuard[Mapping]:
    """Whether a node is a sweep: a mapping whose only key is `sweep`, `range`, `logspace` or `choice`."""
    return isinstance(node, Mapping) and len(node.entries) == 1 and next(iter(node)) in SWEEP_KEYS


def sweep_items(node: Mapping, limit: int) -> tuple[Node, ...]:
    """The items of a sweep, all with the place of the value that they come from.

    Raises:
        ConfigError: it is empty or malformed, or a range of more than `limit` values.
    """
    key = next(iter(node))
    value = node[key]
    try:
        items = SWEEP_KEYS[key](value, limit)
    except ValueError as error:
        raise ConfigError([Diagnostic(code="MG220", message=f"`{key}`: {error}", place=value.place)]) from error
    except _TooManyError as error:
        raise ConfigError(
            [Diagnostic(code="MG221", message=f"`{key}`: {error}", place=value.place, hint=TOO_MANY_HINT)]
        ) from error
    if not items:
        raise ConfigError([Diagnostic(code="MG220", message=f"`{key}` has no value to choose from", place=value.place)])
    return items


def _listed(value: Node, limit: int) -> tuple[Node, ...]:  # noqa: ARG001 - a list is in memory already
    if not isinstance(value, Sequence):
        raise ValueError("a list of values is needed")
    return value.items


def _range(value: Node, limit: int) -> tuple[Node, ...]:
    """Half-open like Python's; in decimal digits, so that steps of 0.1 stay tenths."""
    given = _numbers(value, ("start", "stop", "step"), {"step": 1})
    start, stop, step = (Decimal(repr(given[name])) for name in ("start", "stop", "step"))
    if step == 0:
        raise ValueError("the step must not be zero")
    num_items = max(0, math.ceil((stop - start) / step))
    _check_length(num_items, limit)
    number = float if any(isinstance(each, float) for each in given.values()) else int
    return tuple(Scalar(value=number(start + index * step), place=value.place) for index in range(num_items))


def _logspace(value: Node, limit: int) -> tuple[Node, ...]:
    """From start to stop, both included, with equal ratios; rounded to 12 digits, so that 1e-3 is 1e-3."""
    given = _numbers(value, ("start", "stop", "num"), {})
    start, stop, num_items = float(given["start"]), float(given["stop"]), given["num"]
    if not isinstance(num_items, int) or num_items < 1:
        raise ValueError("`num` must be a whole number of at least 1")
    if start <= 0 or stop <= 0:
        raise ValueError("`start` and `stop` are values, so they must be positive (write 1e-4, not -4)")
    _check_length(num_items, limit)
    ratios = [index / (num_items - 1) for index in range(1, num_items - 1)]
    inner = [float(f"{start * (stop / start) ** ratio:.{_DIGITS}g}") for ratio in ratios]
    ends = [stop] if num_items > 1 else []
    return tuple(Scalar(value=each, place=value.place) for each in [start, *inner, *ends])


def _check_length(num_items: int, limit: int) -> None:
    if num_items > limit:
        raise _TooManyError(f"it alone makes {num_items:,} experiments, but at most {limit:,} are allowed")


def _numbers(value: Node, names: tuple[str, ...], defaults: dict[str, int | float]) -> dict[str, int | float]:
    needed = len(names) - len(defaults)
    shape = f"`[{', '.join(names)}]`" + (f" or `[{', '.join(names[:needed])}]`" if defaults else "")
    if isinstance(value, Sequence) and needed <= len(value.items) <= len(names):
        given = dict(zip(names, value.items, strict=False))
    elif isinstance(value, Mapping):
        given = dict(value.entries)
    else:
        raise ValueError(f"it is written {shape}, or as a mapping with these keys")
    for name in given:
        if name not in names:
            raise ValueError(f"it has no {name!r}{did_you_mean(name, names)}")
    numbers = {name: _number(name, node) for name, node in given.items()}
    if missing := [name for name in names if name not in numbers and name not in defaults]:
        raise ValueError(f"it lacks {', '.join(missing)}; it is written {shape}")
    return {**defaults, **numbers}


def _number(name: str, node: Node) -> int | float:
    value = node.value if isinstance(node, Scalar) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"`{name}` must be a number")
    return value


SWEEP_KEYS: dict[str, Callable[[Node, int], tuple[Node, ...]]] = {
    "sweep": _listed,
    "range": _range,
    "logspace": _logspace,
    "choice": _listed,
}
"""What makes a mapping of one key a sweep, and how its values are read."""
