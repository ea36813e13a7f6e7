"""scikit-learn's own constraints on arguments as type annotations, so that a wrong one is found in the configuration.

Owns the translation alone. A constraint that says nothing about plain values accepts anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Annotated, Any, Literal, Union

from pydantic import Field

_TYPES: dict[Any, Any] = {
    Integral: int,
    Real: int | float,
    int: int,
    float: float,
    str: str,
    dict: dict[str, Any],
    list: list[Any],
    tuple: tuple[Any, ...],
}
_WORDS: dict[str, Any] = {"boolean": bool, "array-like": list[Any]}
_SPECIAL = ("nan", "sparse matrix")
"""Values that no configuration can write."""


def annotation_of(constraints: Sequence[Any] | str | None) -> Any:
    """The values that satisfy one of `constraints`, as an annotation; `Any` where there are none."""
    if not constraints or isinstance(constraints, str):
        return Any
    members = [_member(each) for each in constraints if not (isinstance(each, str) and each in _SPECIAL)]
    return Any if Any in members else Union[tuple(members)]  # noqa: UP007 - known when this runs


def _member(constraint: Any) -> Any:
    if constraint is None:
        return None
    if isinstance(constraint, str):
        return _WORDS.get(constraint, Any)
    if constraint in _TYPES:
        return _TYPES[constraint]
    if hasattr(constraint, "closed"):  # an interval
        lower = "ge" if constraint.closed in ("left", "both") else "gt"
        upper = "le" if constraint.closed in ("right", "both") else "lt"
        bounds = {key: each for key, each in ((lower, constraint.left), (upper, constraint.right)) if each is not None}
        return Annotated[int if constraint.type is Integral else float, Field(**bounds)]
    if hasattr(constraint, "options"):  # a choice of words or numbers
        return Literal[tuple(sorted(constraint.options, key=str))]
    return Any
