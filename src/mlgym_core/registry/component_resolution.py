"""One component of a configuration against its signature: its name, its arguments, their values, nested components.

Collects what is wrong instead of stopping at it. Which references are good is `links.py`'s to judge.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from mlgym_core.config.nodes import Mapping, Node, Scalar, Sequence, to_plain
from mlgym_core.config.suggestions import did_you_mean
from mlgym_core.config.sweep_values import is_sweep
from mlgym_core.errors import Diagnostic, Place
from mlgym_core.registry.arguments import arguments_of, is_plain
from mlgym_core.registry.component import Component, Parameter, reserved_keys
from mlgym_core.registry.links import Links
from mlgym_core.registry.references import Reference, parse_reference
from mlgym_core.registry.registry import Registry
from mlgym_core.registry.slots import KIND_OF_SLOT

Path: TypeAlias = tuple[str, ...]

_MAX_NAMES = 24
_MAX_SEED = 2**32 - 1


@dataclass(slots=True, kw_only=True)
class Context:
    """What all components of one configuration share while they are resolved."""

    registry: Registry
    links: Links
    default_seed: int
    diagnostics: list[Diagnostic]
    places: dict[str, Place] = field(default_factory=dict)

    def report(self, code: str, message: str, place: Place, hint: str | None = None) -> None:
        """Note a fault."""
        self.diagnostics.append(Diagnostic(code=code, message=message, place=place, hint=hint))


def resolve_component(
    node: Node,
    path: Path,
    context: Context,
    *,
    implied: str | None,
    place: Place | None = None,
    is_nested: bool = False,
) -> dict[str, Any]:
    """The component at `path`, of the kind that its slot or argument implies; empty where it cannot be known.

    A nested component always says its kind in the result, one in a slot only where the slot does not. A sweep that
    could not be expanded stands for any component, as it does for any value, so that the rest can still be checked.
    """
    place = place or node.place
    context.places[".".join(path)] = place
    if is_sweep(node):
        return {}
    if isinstance(node, Scalar) and isinstance(node.value, str):
        node = Mapping(entries={"use": node}, key_places={"use": node.place}, place=node.place)
    if not isinstance(node, Mapping):
        message = f"`{'.'.join(path)}` must be a component: its name, or a mapping with `use`"
        context.report("MG210", message, node.place)
        return {}
    kind = _kind(node, path, context, implied, place)
    component = _find(node, kind, path, context, place) if kind else None
    if component is None:
        return {}
    if len(path) == 1:
        context.links.add_product(path[0], component)
    head = {"use": component.name} | ({"kind": component.kind} if is_nested or component.kind != implied else {})
    reserved = _Reserved(component, node, context)
    return head | reserved.resolve() | _Arguments(component, node, path, context, place).resolve()


def _kind(node: Mapping, path: Path, context: Context, implied: str | None, place: Place) -> str | None:
    given = node.get("kind")
    if given is None:
        if implied is None:
            slots = ", ".join(KIND_OF_SLOT)
            message = f"`{'.'.join(path)}` needs a `kind`{did_you_mean(path[0], KIND_OF_SLOT)}"
            context.report("MG209", message, place, f"these slots have a kind of their own: {slots}")
        return implied
    kinds = context.registry.kinds()
    kind = given.value if isinstance(given, Scalar) else None
    if kind in kinds:
        return str(kind)
    message = f"no kind {kind!r}{did_you_mean(str(kind), kinds)}"
    context.report("MG209", message, given.place, f"kinds: {', '.join(kinds)}")
    return None


def _find(node: Mapping, kind: str, path: Path, context: Context, place: Place) -> Component | None:
    use = node.get("use") or Scalar(value=context.registry.default(kind), place=place)
    if not isinstance(use, Scalar) or not isinstance(use.value, str):
        message = f"`{'.'.join(path)}` lacks `use`, the name of a {kind}"
        context.report("MG210", message, place, _listed_names(context.registry.names(kind)))
        return None
    component = context.registry.find(kind, use.value)
    if component is None:
        names = context.registry.names(kind)  # asked for at a fault alone: some providers import a whole library first
        hint = _listed_names(names) if names else "does `imports` name the module that registers it?"
        context.report("MG202", f"no {kind} {use.value!r}{did_you_mean(use.value, names)}", use.place, hint)
    return component


def _listed_names(names: list[str]) -> str:
    return f"registered: {', '.join(names[:_MAX_NAMES]) or 'none'}" + (" …" if len(names) > _MAX_NAMES else "")


@dataclass(frozen=True, slots=True)
class _Reserved:
    """The keys of a component that are not its own arguments."""

    component: Component
    node: Mapping
    context: Context

    def resolve(self) -> dict[str, Any]:
        keys = reserved_keys(self.component.kind)
        resolved: dict[str, Any] = {"seed": self._seed()}
        if "name" in keys:
            resolved["name"] = self._name()
        if "goal" in keys:
            resolved["goal"] = self._goal()
        return resolved

    def _seed(self) -> Any:
        value = self._given("seed", self.context.default_seed)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_SEED:
            self._report("seed", f"should be a whole number from 0 to {_MAX_SEED}")
        return value

    def _name(self) -> Any:
        value = self._given("name", self.component.name)
        if not isinstance(value, str) or not value:
            self._report("name", "should be a word")
        return value

    def _goal(self) -> Any:
        value = self._given("goal", self.component.goal or "max")
        if value not in ("max", "min"):
            self._report("goal", "should be 'max' or 'min'")
        return value

    def _given(self, key: str, default: Any) -> Any:
        node = self.node.get(key)
        return default if node is None else to_plain(node)

    def _report(self, key: str, wish: str) -> None:
        node = self.node[key]
        message = f"{self.component}: {key!r} {wish}, not {json.dumps(to_plain(node))}"
        self.context.report("MG204", message, node.place)


@dataclass(frozen=True, slots=True)
class _Arguments:
    """The arguments of one component: those given, those that slots fill, and the defaults of the rest."""

    component: Component
    node: Mapping
    path: Path
    context: Context
    place: Place

    def resolve(self) -> dict[str, Any]:
        reserved = reserved_keys(self.component.kind)
        given = {key: node for key, node in self.node.entries.items() if key not in reserved}
        self._report_unknown(given)
        schema = arguments_of(self.component)
        resolved = dict(schema.defaults)
        plain = {}
        for parameter in self._taken(given):
            value, is_symbolic = self._argument(parameter, given.get(parameter.name))
            if value is _NOTHING:
                continue
            resolved[parameter.name] = value
            if not is_symbolic:
                plain[parameter.name] = value
        checked, faults = schema.check(plain)
        for fault in faults:
            message = f"{self.component}: {'.'.join(fault.path)!r} {fault.message}"
            self.context.report("MG204", message, _place_of(self.node, fault.path))
        resolved |= checked
        order = [each.name for each in self.component.parameters]
        return {name: resolved[name] for name in [*order, *(set(resolved) - set(order))] if name in resolved}

    def _taken(self, given: dict[str, Node]) -> Iterator[Parameter]:
        yield from self.component.parameters
        if self.component.is_open:
            for name in given:
                if self.component.parameter(name) is None:
                    yield Parameter(name=name, required=False)

    def _argument(self, parameter: Parameter, node: Node | None) -> tuple[Any, bool]:
        if node is not None:
            return self._value(parameter, node, (*self.path, parameter.name), is_whole=True)
        if parameter.slot and parameter.slot.name in self.context.links.slots:
            reference = Reference(slot=parameter.slot.name)
            # What stands in the slot is at fault where it does not fit, not the component that wants it.
            place = self.context.links.slots[parameter.slot.name]
            self._link(parameter, reference, place, is_whole=not parameter.slot.by_name)
            return str(reference), True
        if parameter.required and parameter.slot:
            self.context.links.add_missing(parameter.slot.name, self.component)
        elif parameter.required:
            message = f"{self.component} lacks the argument {parameter.name!r}"
            self.context.report("MG203", message, self.place, self._accepted())
        return _NOTHING, False

    def _value(self, parameter: Parameter, node: Node, path: Path, *, is_whole: bool) -> tuple[Any, bool]:
        """The plain value, and whether a reference, a component or a sweep stands in it, which have no value yet."""
        kind = _nested_kind(parameter)
        if is_sweep(node):
            return to_plain(node), True
        if isinstance(node, Scalar):
            if reference := parse_reference(node.value):
                self._link(parameter, reference, node.place, is_whole=is_whole)
                return node.value, True
            if kind is None or not isinstance(node.value, str):
                return node.value, False
            return resolve_component(node, path, self.context, implied=kind, is_nested=True), True
        if isinstance(node, Mapping) and "use" in node:
            if kind or "kind" in node:
                return resolve_component(node, path, self.context, implied=kind, is_nested=True), True
            if not is_plain(parameter.annotation):
                message = f"{self.component}: `{'.'.join(path[len(self.path) :])}` needs a `kind` beside its `use`"
                hint = f"kinds: {', '.join(self.context.registry.kinds())}"
                self.context.report("MG209", message, node.place, hint)
                return None, True
        return self._container(parameter, node, path)

    def _container(self, parameter: Parameter, node: Mapping | Sequence, path: Path) -> tuple[Any, bool]:
        is_list = isinstance(node, Sequence)
        children = enumerate(node.items) if isinstance(node, Sequence) else node.entries.items()
        found = {key: self._value(parameter, child, (*path, str(key)), is_whole=False) for key, child in children}
        is_symbolic = any(symbolic for _, symbolic in found.values())
        values = {key: value for key, (value, _) in found.items()}
        return list(values.values()) if is_list else values, is_symbolic

    def _link(self, parameter: Parameter, reference: Reference, place: Place, *, is_whole: bool) -> None:
        wanted = parameter.annotation if is_whole else Any
        self.context.links.add(self.path[0], self.component, reference, place, argument=parameter.name, wanted=wanted)

    def _report_unknown(self, given: dict[str, Node]) -> None:
        known = [each.name for each in self.component.parameters]
        for name in given:
            if name not in known and not self.component.is_open:
                message = f"{self.component} has no argument {name!r}{did_you_mean(name, known)}"
                self.context.report("MG201", message, self.node.key_place(name), self._accepted())

    def _accepted(self) -> str:
        defaults = arguments_of(self.component).defaults
        listed = [_listed(each, defaults) for each in self.component.parameters]
        return f"accepted: {', '.join(listed) or 'none'}   [{self.component.title}, {self.component.source}]"


_NOTHING = object()


def _nested_kind(parameter: Parameter) -> str | None:
    if parameter.nested:
        return parameter.nested.kind
    return KIND_OF_SLOT.get(parameter.slot.name) if parameter.slot else None


def _listed(parameter: Parameter, defaults: Any) -> str:
    if parameter.slot:
        return f"{parameter.name}=${parameter.slot.name}"
    if parameter.required:
        return f"{parameter.name} (required)"
    if parameter.name in defaults:
        return f"{parameter.name}={json.dumps(defaults[parameter.name])}"
    return parameter.name


def _place_of(node: Node, path: Path) -> Place:
    for key in path:
        if isinstance(node, Mapping) and key in node:
            node = node[key]
        elif isinstance(node, Sequence) and key.isdecimal() and int(key) < len(node.items):
            node = node.items[int(key)]
    return node.place
