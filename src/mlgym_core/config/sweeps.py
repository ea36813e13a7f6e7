"""From one tree with sweeps to the points of a grid.

Owns the order of the points: all sweeps form a product, the first in the order of the file varies
slowest, and a sweep inside another one is expanded in its place. It knows no component and no slot.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from mlgym_core.config.nodes import Mapping, Node, Scalar, Sequence, to_plain
from mlgym_core.config.suggestions import did_you_mean
from mlgym_core.config.sweep_values import TOO_MANY_HINT, is_sweep, sweep_items
from mlgym_core.errors import ConfigError, Diagnostic, Place

Path: TypeAlias = tuple[str, ...]
Choices: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One point of a grid: a tree without sweeps, and what was chosen at the dotted path of each sweep."""

    tree: Mapping
    choices: Choices = field(default_factory=dict)


def expand(tree: Mapping, limit: int) -> list[Point]:
    """The points of `tree` in their order; `run.zip` names sweeps that are walked together.

    Raises:
        ConfigError: a sweep is empty or malformed, zipped sweeps differ in length, or there are more than `limit`.
    """
    sweeps = _read_sweeps(tree, limit)
    axes = _axes(tree, (), sweeps, _read_zips(tree, sweeps))
    num_points = math.prod(axis.num_points(sweeps) for axis in axes)
    if num_points > limit:
        raise ConfigError([_too_many(tree, num_points, limit)])
    return [Point(tree=_as_mapping(each.node), choices=each.choices) for each in _product(tree, (), axes, sweeps)]


def _as_mapping(node: Node) -> Mapping:
    assert isinstance(node, Mapping)
    return node


def _too_many(tree: Mapping, num_points: int, limit: int) -> Diagnostic:
    run = tree.get("run")
    asked = run.get("max_experiments") if isinstance(run, Mapping) else None
    return Diagnostic(
        code="MG221",
        message=f"the grid has {num_points:,} experiments, but at most {limit:,} are allowed",
        place=asked.place if asked else tree.place,
        hint=TOO_MANY_HINT,
    )


# --- the values of every sweep, read once and before anything is expanded ---

_Sweeps: TypeAlias = dict[int, tuple[Node, ...]]
"""The items of each sweep by the identity of its node: an aliased sweep stands at several paths."""


def _read_sweeps(tree: Mapping, limit: int) -> _Sweeps:
    sweeps: _Sweeps = {}
    diagnostics: list[Diagnostic] = []
    for node in _walk(tree):
        if is_sweep(node) and id(node) not in sweeps:
            try:
                sweeps[id(node)] = sweep_items(node, limit)
            except ConfigError as error:
                diagnostics.extend(error.diagnostics)
    if diagnostics:
        raise ConfigError(diagnostics)
    return sweeps


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for _, child in _children(node):
        yield from _walk(child)


def _children(node: Node) -> Iterable[tuple[str, Node]]:
    if isinstance(node, Mapping):
        return node.entries.items()
    return ((str(index), item) for index, item in enumerate(node.items)) if isinstance(node, Sequence) else ()


# --- axes: what varies, in the order of the file ---


@dataclass(frozen=True, slots=True, kw_only=True)
class _Alternative:
    """A node without sweeps, and the choices that made it."""

    node: Node
    choices: Choices


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axis:
    """Sweeps that are walked together, mostly one; the k-th items of all of them make its k-th step."""

    paths: tuple[Path, ...]
    steps: tuple[tuple[Node, ...], ...]

    def num_points(self, sweeps: _Sweeps) -> int:
        return sum(math.prod(_count(item, sweeps) for item in step) for step in self.steps)

    def points(self, sweeps: _Sweeps) -> Iterator[tuple[tuple[Path, _Alternative], ...]]:
        for step in self.steps:
            choices = (_choose(item, path, sweeps) for item, path in zip(step, self.paths, strict=True))
            for alternatives in itertools.product(*choices):
                yield tuple(zip(self.paths, alternatives, strict=True))


def _axes(node: Node, path: Path, sweeps: _Sweeps, zips: tuple[tuple[Path, ...], ...] = ()) -> list[_Axis]:
    """The axes of a subtree; a zipped group stands where its first sweep does."""
    found = list(_outer_sweeps(node, path))
    items = {each_path: sweeps[id(each)] for each_path, each in found}
    axes = []
    for each_path in items:
        group = next((group for group in zips if each_path in group), (each_path,))
        in_order = tuple(each for each in items if each in group)
        if each_path == in_order[0]:
            steps = tuple(zip(*(items[each] for each in in_order), strict=True))
            axes.append(_Axis(paths=in_order, steps=steps))
    return axes


def _outer_sweeps(node: Node, path: Path) -> Iterator[tuple[Path, Node]]:
    if is_sweep(node):
        yield path, node
        return
    for key, child in _children(node):
        yield from _outer_sweeps(child, (*path, key))


def _count(node: Node, sweeps: _Sweeps) -> int:
    return math.prod(axis.num_points(sweeps) for axis in _axes(node, (), sweeps))


def _choose(item: Node, path: Path, sweeps: _Sweeps) -> Iterator[_Alternative]:
    """What an item of the sweep at `path` may become."""
    for each in _product(item, path, _axes(item, path, sweeps), sweeps):
        yield _Alternative(node=each.node, choices={".".join(path): _label(each.node), **each.choices})


def _product(node: Node, path: Path, axes: list[_Axis], sweeps: _Sweeps) -> Iterator[_Alternative]:
    for combination in itertools.product(*(axis.points(sweeps) for axis in axes)):
        chosen = dict(itertools.chain.from_iterable(combination))
        choices = {key: value for each in chosen.values() for key, value in each.choices.items()}
        yield _Alternative(node=_substitute(node, path, chosen), choices=choices)


def _substitute(node: Node, path: Path, chosen: dict[Path, _Alternative]) -> Node:
    """The tree with the chosen nodes in it; what holds none of them is shared, not copied."""
    if path in chosen:
        return chosen[path].node
    if not any(each[: len(path)] == path for each in chosen):
        return node
    children = {key: _substitute(child, (*path, key), chosen) for key, child in _children(node)}
    if isinstance(node, Sequence):
        return Sequence(items=tuple(children.values()), place=node.place)
    assert isinstance(node, Mapping)
    return Mapping(entries=children, key_places=node.key_places, place=node.place)


def _label(node: Node) -> Any:
    """A value as it is; a component as its name, with its arguments behind it."""
    if not isinstance(node, Mapping) or "use" not in node:
        return to_plain(node)
    plain = to_plain(node)
    name = plain.pop("use")
    arguments = ", ".join(f"{key}={value}" for key, value in plain.items())
    return f"{name}({arguments})" if arguments else name


# --- zips ---


def _read_zips(tree: Mapping, sweeps: _Sweeps) -> tuple[tuple[Path, ...], ...]:
    run = tree.get("run")
    node = run.get("zip") if isinstance(run, Mapping) else None
    if node is None:
        return ()
    groups = node.items if isinstance(node, Sequence) and _are_lists(node.items) else (node,)
    found = {".".join(path): (path, sweeps[id(each)]) for path, each in _outer_sweeps(tree, ())}
    diagnostics = [fault for group in groups for fault in _check_group(group, found)] or _check_disjoint(groups)
    if diagnostics:
        raise ConfigError(diagnostics)
    return tuple(tuple(found[name][0] for name in _names(group)) for group in groups)


def _are_lists(items: tuple[Node, ...]) -> bool:
    return bool(items) and all(isinstance(item, Sequence) for item in items)


def _names(group: Node) -> list[str]:
    return [str(name) for name in to_plain(group)] if isinstance(group, Sequence) else []


def _zip_fault(message: str, place: Place, hint: str | None = None) -> Diagnostic:
    return Diagnostic(code="MG222", message=message, place=place, hint=hint)


def _check_group(group: Node, found: dict[str, tuple[Path, tuple[Node, ...]]]) -> Iterator[Diagnostic]:
    names = _names(group)
    if not isinstance(group, Sequence) or len(names) < 2 or not all(isinstance(each, Scalar) for each in group.items):
        yield _zip_fault("`zip` takes a list of at least two paths of sweeps, or a list of such lists", group.place)
        return
    unknown = [(name, item.place) for name, item in zip(names, group.items, strict=True) if name not in found]
    for name, place in unknown:
        known = f"sweeps: {', '.join(found) or 'none'}"
        yield _zip_fault(f"`zip` names {name!r}, where no sweep stands{did_you_mean(name, found)}", place, known)
    lengths = {name: len(found[name][1]) for name in names if name in found}
    if not unknown and len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        yield _zip_fault(f"sweeps that are zipped must have equal lengths, but {listed}", group.place)


def _check_disjoint(groups: Iterable[Node]) -> list[Diagnostic]:
    seen: set[str] = set()
    diagnostics = []
    for group in groups:
        for name in _names(group):
            if name in seen:
                diagnostics.append(_zip_fault(f"`zip` names {name!r} twice", group.place))
            seen.add(name)
    return diagnostics
