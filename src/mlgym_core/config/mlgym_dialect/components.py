"""Reads which components a file in MLgym's words has and which of them requires which.

Owns the frame of a component (`component_type_key`, `variant_key`, `requirements`, `config`); what stands in `config`
is the business of `lowering`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from mlgym_core.config.mlgym_dialect.faults import MALFORMED, REQUIREMENT, Faults
from mlgym_core.config.mlgym_dialect.rewrite import rewrite
from mlgym_core.config.mlgym_dialect.words import COMPONENT_TYPES, ComponentWords
from mlgym_core.config.nodes import Mapping, Node, Scalar, Sequence
from mlgym_core.errors import Place

NATIVE_ENTRIES = ("imports", "run", "model_info")
"""Top-level entries that are no components and mean the same in both dialects."""
_ANCHORS = "global_config"
_FRAME = ("component_type_key", "variant_key", "requirements", "config")


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """What a component asks for: another one by name, and perhaps only some of what it gives."""

    component_name: str
    subscription: Node | None
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One top-level entry of the file. `available` is False where a fault about it was noted already."""

    name: str
    component_type: str
    variant: str
    config: Node
    place: Place
    requirements: dict[str, Requirement] = field(default_factory=dict)
    available: bool = True


def read_components(tree: Mapping, faults: Faults) -> dict[str, Component]:
    """The components of `tree` by name, in the order of the file."""
    components = {}
    for name, node in tree.entries.items():
        if name in NATIVE_ENTRIES or name == _ANCHORS:
            continue
        component = _read_component(name, rewrite(node, faults), tree.key_place(name), faults)
        if component:
            components[name] = component
    for component in components.values():
        _check_requirements(component, components, faults)
    return {name: _out_of_circles(component, components, faults) for name, component in components.items()}


def _read_component(name: str, node: Node, place: Place, faults: Faults) -> Component | None:
    if not isinstance(node, Mapping) or "component_type_key" not in node:
        known = ", ".join((*NATIVE_ENTRIES, _ANCHORS))
        faults.add(MALFORMED, f"'{name}' is no component: it has no component_type_key", place, f"others: {known}")
        return None
    component_type = _word(node["component_type_key"], f"component_type_key of '{name}'", faults)
    words = COMPONENT_TYPES.get(component_type)
    if words is None and component_type:
        faults.unknown("component_type_key", component_type, COMPONENT_TYPES, node["component_type_key"].place)
    elif words is not None:
        for key in node.entries.keys() - set(_FRAME):
            faults.unknown(f"component '{name}'", key, _FRAME, node.key_place(key))
    variant = _word(node.get("variant_key") or Scalar(value="DEFAULT", place=place), f"variant_key of '{name}'", faults)
    available = words is not None and _check_variant(component_type, variant, words, node, faults)
    config = node.get("config")
    if config is None or (isinstance(config, Scalar) and config.value is None):
        config = Mapping(entries={}, key_places={}, place=place)
    return Component(
        name=name,
        component_type=component_type,
        variant=variant,
        config=config,
        place=place,
        requirements=_read_requirements(node.get("requirements"), name, faults) if available else {},
        available=available,
    )


def _check_variant(component_type: str, variant: str, words: ComponentWords, node: Mapping, faults: Faults) -> bool:
    place = node.key_place("variant_key")
    if variant not in words.variants:
        faults.unknown(f"variant_key of {component_type}", variant, words.variants, place)
        return False
    return True


def _read_requirements(node: Node | None, name: str, faults: Faults) -> dict[str, Requirement]:
    if node is None or (isinstance(node, Scalar) and node.value is None):
        return {}
    if not isinstance(node, Sequence):
        faults.malformed(f"requirements of '{name}'", "a list of {name, component_name, subscription}", node)
        return {}
    requirements = {}
    for item in node.items:
        if not isinstance(item, Mapping) or "name" not in item or "component_name" not in item:
            faults.malformed(f"a requirement of '{name}'", "{name, component_name, subscription}", item)
            continue
        for key in item.entries.keys() - {"name", "component_name", "subscription"}:
            accepted = ("name", "component_name", "subscription")
            faults.unknown(f"a requirement of '{name}'", key, accepted, item.key_place(key))
        requirements[_word(item["name"], "name of a requirement", faults)] = Requirement(
            component_name=_word(item["component_name"], "component_name", faults),
            subscription=item.get("subscription"),
            place=item["component_name"].place,
        )
    return requirements


def _check_requirements(component: Component, components: dict[str, Component], faults: Faults) -> None:
    if not component.available:
        return
    words = COMPONENT_TYPES[component.component_type]
    for name, needed in words.requirements.items():
        if needed.required and name not in component.requirements:
            message = f"'{component.name}' lacks the requirement '{name}'"
            faults.add(REQUIREMENT, message, component.place, f"a component of type {' or '.join(needed.types)}")
    for name, requirement in component.requirements.items():
        needed_by_name = words.requirements.get(name, words.free_requirements)
        if needed_by_name is None:
            faults.unknown(f"component '{component.name}'", name, words.requirements, requirement.place)
            continue
        answer = components.get(requirement.component_name)
        if answer is None:
            faults.unknown("this file", requirement.component_name, components, requirement.place)
        elif answer.available and answer.component_type not in needed_by_name.types:
            wanted = " or ".join(needed_by_name.types)
            given = f"a component of type {answer.component_type}, not {wanted}"
            message = f"requirement '{name}' of '{component.name}' is {given}"
            faults.add(REQUIREMENT, message, requirement.place)


def _out_of_circles(component: Component, components: dict[str, Component], faults: Faults) -> Component:
    """`component`, no longer available where it requires itself; only data can, as it may require data."""
    circle = _find_circle(component, components)
    if circle is None:
        return component
    faults.add(REQUIREMENT, f"'{component.name}' requires itself: {' -> '.join(circle)}", component.place)
    return replace(component, available=False)


def _find_circle(component: Component, components: dict[str, Component]) -> list[str] | None:
    """The names of components on a way from `component` back to it."""
    waiting = [[component.name]]
    seen: set[str] = set()
    while waiting:
        path = waiting.pop()
        for requirement in components[path[-1]].requirements.values():
            name = requirement.component_name
            if name == component.name:
                return [*path, name]
            if name in components and name not in seen:
                seen.add(name)
                waiting.append([*path, name])
    return None


def _word(node: Node, what: str, faults: Faults) -> str:
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return node.value
    faults.malformed(what, "one name; a sweep cannot stand here", node)
    return ""
