"""Who refers to whom: dangling references, cycles, references to the wrong kind of thing, slots that are missing.

Collects the references of one configuration while it is resolved and judges them at the end. It builds nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from mlgym_core.config.suggestions import did_you_mean
from mlgym_core.errors import Diagnostic, Place
from mlgym_core.registry.component import Component
from mlgym_core.registry.references import Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class _Link:
    """A reference that stands in `slot`; `wanted` is the annotation of the argument that it fills whole."""

    slot: str
    owner: str
    reference: Reference
    place: Place
    argument: str
    wanted: Any


@dataclass(slots=True)
class Links:
    """The references among the slots of one configuration, each with its place."""

    slots: Mapping[str, Place]
    _links: list[_Link] = field(default_factory=list)
    _missing: dict[str, list[str]] = field(default_factory=dict)
    _products: dict[str, Component] = field(default_factory=dict)

    def add(
        self, slot: str, owner: Component, reference: Reference, place: Place, *, argument: str, wanted: Any = Any
    ) -> None:
        """Note that a component in `slot` refers to something."""
        self._links.append(
            _Link(slot=slot, owner=str(owner), reference=reference, place=place, argument=argument, wanted=wanted)
        )

    def add_missing(self, slot: str, owner: Component) -> None:
        """Note that a component needs a slot that is not there."""
        self._missing.setdefault(slot, []).append(str(owner))

    def add_product(self, slot: str, component: Component) -> None:
        """Note what stands in a slot."""
        self._products[slot] = component

    def faults(self, root: Place) -> Iterator[Diagnostic]:
        """Everything that is wrong; `root` is where a missing slot is missing."""
        for slot, owners in self._missing.items():
            needed_by = " and ".join(dict.fromkeys(owners))
            hint = f"slots: {', '.join(self.slots)}"
            yield Diagnostic(code="MG208", message=f"no slot {slot!r}, which {needed_by} needs", place=root, hint=hint)
        for link in self._links:
            if link.reference.slot not in self.slots:
                yield self._dangling(link)
            elif fault := self._mistyped(link):
                yield fault
        yield from self._cycles()

    def _dangling(self, link: _Link) -> Diagnostic:
        slot = link.reference.slot
        return Diagnostic(
            code="MG205",
            message=f"{link.owner}: {link.reference} names no slot{did_you_mean(slot, self.slots)}",
            place=link.place,
            hint=f"slots: {', '.join(self.slots)}",
        )

    def _mistyped(self, link: _Link) -> Diagnostic | None:
        target = self._products.get(link.reference.slot)
        product = target.product if target and not link.reference.keys else None
        wanted = _classes(link.wanted)
        if target is None or product is None or not wanted or any(_may_be(product, each) for each in wanted):
            return None
        names = " or ".join(each.__name__ for each in wanted)
        return Diagnostic(
            code="MG207",
            message=f"{link.owner}: {link.argument!r} needs a {names}, but {link.reference} is {target}",
            place=link.place,
            hint=f"{target} makes a {product.__name__}   [{target.source}]",
        )

    def _cycles(self) -> Iterator[Diagnostic]:
        edges: dict[str, list[_Link]] = {}
        for link in self._links:
            if link.reference.slot in self.slots:
                edges.setdefault(link.slot, []).append(link)
        finished: set[str] = set()
        for start in edges:
            yield from _walk(start, [], edges, finished)


def _walk(slot: str, path: list[str], edges: dict[str, list[_Link]], finished: set[str]) -> Iterator[Diagnostic]:
    if slot in finished:
        return
    for link in edges.get(slot, ()):
        target = link.reference.slot
        way = [*path, slot]
        if target in way:
            circle = " -> ".join([*way[way.index(target) :], target])
            yield Diagnostic(
                code="MG206", message=f"{link.owner}: the references run in a circle: {circle}", place=link.place
            )
        else:
            yield from _walk(target, way, edges, finished)
    finished.add(slot)


def _classes(annotation: Any) -> list[type]:
    """The classes that an argument takes; none where its type is no plain class or a union of such."""
    if get_origin(annotation) is Annotated:
        return _classes(get_args(annotation)[0])
    members = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    classes = [each for each in members if each is not type(None)]
    return classes if all(_is_checkable(each) for each in classes) else []


def _is_checkable(member: Any) -> bool:
    if member in (Any, object) or get_origin(member) is not None:
        return False
    return inspect.isclass(member) and not getattr(member, "_is_protocol", False)


def _may_be(product: type, wanted: type) -> bool:
    return issubclass(product, wanted) or issubclass(wanted, product)
