"""The configuration as a tree that remembers where each of its pieces stands in the file.

Owns the three kinds of node and the way back to plain Python values. It knows no dialect and no component.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as AbstractMapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from mlgym_core.errors import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """A leaf: null, a boolean, a number or a string."""

    value: str | int | float | bool | None
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """A list; it is a value, never a sweep."""

    items: tuple[Node, ...]
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """A mapping with string keys in the order of the file; `key_places` says where each key stands."""

    entries: AbstractMapping[str, Node]
    key_places: AbstractMapping[str, Place]
    place: Place

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def __getitem__(self, key: str) -> Node:
        return self.entries[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def get(self, key: str) -> Node | None:
        """The value of `key`, if it is there."""
        return self.entries.get(key)

    def key_place(self, key: str) -> Place:
        """Where `key` stands; the mapping's own place for a key that is not there."""
        return self.key_places.get(key, self.place)

    def with_entry(self, key: str, node: Node) -> Mapping:
        """A copy in which `key` is `node`; a new key goes last."""
        return replace(
            self,
            entries={**self.entries, key: node},
            key_places={**self.key_places, key: self.key_places.get(key, node.place)},
        )

    def without(self, *keys: str) -> Mapping:
        """A copy that lacks `keys`."""
        return replace(self, entries={key: node for key, node in self.entries.items() if key not in keys})


Node: TypeAlias = Scalar | Sequence | Mapping


def to_plain(node: Node) -> Any:
    """The tree as dicts, lists and scalars."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Sequence):
        return [to_plain(item) for item in node.items]
    return {key: to_plain(value) for key, value in node.entries.items()}


def from_plain(value: Any, place: Place) -> Node:
    """A tree of `value` in which every node stands at `place`, for what comes from Python or an option.

    Raises:
        TypeError: a value that YAML could not hold.
    """
    if value is None or isinstance(value, str | int | float | bool):
        return Scalar(value=value, place=place)
    if isinstance(value, list | tuple):
        return Sequence(items=tuple(from_plain(item, place) for item in value), place=place)
    if isinstance(value, dict):
        entries = {str(key): from_plain(item, place) for key, item in value.items()}
        return Mapping(entries=entries, key_places=dict.fromkeys(entries, place), place=place)
    raise TypeError(f"{type(value).__name__} has no place in a configuration")
