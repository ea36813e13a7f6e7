"""What a signature may say about an argument beyond its type: that a slot or a nested component fills it.

Owns the markers for `typing.Annotated` and the way to find them; it knows neither components nor configurations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

_Marker = TypeVar("_Marker")


@dataclass(frozen=True, slots=True)
class Slot:
    """`Annotated[Module, Slot("model")]`: filled by that slot where the configuration gives no value.

    With `by_name` the value is a dict from score names to the slot's components, for `metrics` and `loss`.
    """

    name: str
    by_name: bool = False


@dataclass(frozen=True, slots=True)
class Nested:
    """`Annotated[Module, Nested("loss")]`: the value is a component of that kind, or a list or mapping of them."""

    kind: str


def find_marker(annotation: Any, marker: type[_Marker]) -> _Marker | None:
    """The first `marker` in an annotation, be it around the type or inside a union."""
    return next((each for each in _metadata(annotation) if isinstance(each, marker)), None)


def _metadata(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        yield from metadata
        yield from _metadata(inner)
    elif get_origin(annotation) in (Union, UnionType):
        for member in get_args(annotation):
            yield from _metadata(member)
