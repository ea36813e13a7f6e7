"""What lowering one component needs to know of the others, and the small tools it builds native nodes with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Mapping as AbstractMapping
from dataclasses import dataclass
from typing import TypeVar

from mlgym_core.config.mlgym_dialect.components import Component
from mlgym_core.config.mlgym_dialect.faults import MALFORMED, REQUIREMENT, Faults
from mlgym_core.config.mlgym_dialect.rewrite import over
from mlgym_core.config.mlgym_dialect.words import COMPONENT_TYPES, SLOTS
from mlgym_core.config.nodes import Mapping, Node, Scalar, Sequence
from mlgym_core.config.sweep_values import is_sweep
from mlgym_core.errors import Place

T = TypeVar("T")
Slots = dict[str, Node]

DEFAULT_TRAINING_SPLIT = "train"
"""What the native trainer trains on if nothing else is said."""


@dataclass(slots=True)
class Context:
    """The components of a file and the faults found in them."""

    components: dict[str, Component]
    faults: Faults

    def slot_of(self, component: Component) -> str:
        """The native slot of a component: the one of its type, or its own name where that is taken."""
        if component.component_type in SLOTS and self.first(component.component_type) is component:
            return SLOTS[component.component_type]
        return f"{component.name}_2" if component.name in SLOTS.values() else component.name

    def config(self, component: Component, config: Node) -> dict[str, Node]:
        """The entries of a component's configuration, or of one alternative of it."""
        known = COMPONENT_TYPES[component.component_type].config
        return self.fields(config, f"config of '{component.name}'", known)

    def training_split(self) -> str:
        """The split that the trainer subscribes to."""
        trainer = self.first("TRAINER")
        requirement = trainer.requirements.get("data_loaders") if trainer else None
        names = split_names(requirement.subscription) if requirement else None
        return str(names[0].value) if names and isinstance(names[0], Scalar) else DEFAULT_TRAINING_SPLIT

    def required(self, component: Component, name: str) -> Component | None:
        """The component that answers a requirement; None where there is none that could be lowered."""
        requirement = component.requirements.get(name)
        answer = self.components.get(requirement.component_name) if requirement else None
        return answer if answer and answer.available else None

    def first(self, component_type: str) -> Component | None:
        """The first component of a type that can be lowered."""
        fitting = (each for each in self.components.values() if each.component_type == component_type)
        return next((each for each in fitting if each.available), None)

    def subscribed(self, component: Component, name: str, given: AbstractMapping[str, T]) -> dict[str, T] | None:
        """What a requirement takes of the splits that it is `given`, in the order it names them; None at a fault."""
        requirement = component.requirements[name]
        names = split_names(requirement.subscription)
        if names is None:
            return dict(given)
        wanted = [str(each.value) for each in names if isinstance(each, Scalar) and isinstance(each.value, str)]
        for each in names:
            if not isinstance(each, Scalar) or not isinstance(each.value, str):
                self.faults.malformed("subscription", "the name of a split, a list of such names, or null", each)
            elif each.value not in given:
                message = f"'{requirement.component_name}' gives no split '{each.value}'"
                self.faults.add(REQUIREMENT, message, each.place, f"it gives: {', '.join(given)}")
        is_sound = len(wanted) == len(names) and all(each in given for each in wanted)
        return {each: given[each] for each in wanted} if is_sound else None

    def fields(self, node: Node, what: str, known: tuple[str, ...]) -> dict[str, Node]:
        """The entries of a mapping without those that are null; unknown ones are faults."""
        if not isinstance(node, Mapping) or is_sweep(node):
            self.faults.malformed(what, f"a mapping with the keys {', '.join(known)}", node)
            return {}
        for key in node:
            if key not in known:
                self.faults.unknown(what, key, known, node.key_place(key))
        return {key: value for key, value in node.entries.items() if key in known and not is_null(value)}

    def fields_of_any(self, node: Node | None) -> dict[str, Node]:
        """The entries of a mapping with free keys, without those that are null; empty where there is none."""
        if isinstance(node, Mapping) and not is_sweep(node):
            return {key: value for key, value in node.entries.items() if not is_null(value)}
        if node is not None:
            self.faults.malformed("the value", "a mapping; a sweep cannot stand here", node)
        return {}

    def name(self, node: Node, what: str, known: AbstractMapping[str, str]) -> Node:
        """The native name of one of MLgym's."""
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            self.faults.malformed(what, f"one of {', '.join(known)}", node)
        elif node.value in known:
            return Scalar(value=known[node.value], place=node.place)
        else:
            self.faults.unknown(what, node.value, known, node.place)
        return node

    def items(self, node: Node | None, what: str) -> tuple[Node, ...]:
        """The items of a list; a missing one is empty."""
        if isinstance(node, Sequence):
            return node.items
        if node is not None:
            self.faults.malformed(what, "a list", node)
        return ()

    def agreed(self, node: Node, what: str, read: Callable[[Node], T]) -> T:
        """What `read` finds in `node`; where `node` is a sweep, all of its values must agree on it."""
        first, *others = (read(each) for each in alternatives(node))
        if any(each != first for each in others):
            self.faults.add(MALFORMED, f"{what} must be the same in all values of the sweep", node.place)
        return first


def component_node(use: Node, arguments: Node | None = None, **more: Node | None) -> Mapping:
    """A native component; `more` are arguments that stand elsewhere in the file, None for those that do not."""
    given = arguments if isinstance(arguments, Mapping) else None
    extra = {key: node for key, node in more.items() if node is not None}
    return Mapping(
        entries={"use": use, **(given.entries if given else {}), **extra},
        key_places={**(given.key_places if given else {}), "use": use.place},
        place=use.place,
    )


def with_arguments(arguments: Node | None, lower: Callable[[Node | None], Node]) -> Node:
    """`lower` applied to arguments that may be missing, or a sweep over whole sets of them."""
    return lower(None) if arguments is None else over(arguments, lower)


def mapping_node(entries: AbstractMapping[str, Node], place: Place) -> Mapping:
    """A native mapping that stands at `place`."""
    return Mapping(entries=dict(entries), key_places={key: node.place for key, node in entries.items()}, place=place)


def alternatives(node: Node) -> Iterator[Node]:
    """The values of a sweep and of the sweeps among them; just `node` where it is none."""
    if is_sweep(node):
        (values,) = node.entries.values()
        if isinstance(values, Sequence) and values.items:
            for item in values.items:
                yield from alternatives(item)
            return
    yield node


def split_names(subscription: Node | None) -> tuple[Node, ...] | None:
    """The splits that a subscription names; None for all of them, as an empty list means too."""
    if subscription is None or is_null(subscription):
        return None
    return (subscription.items or None) if isinstance(subscription, Sequence) else (subscription,)


def is_null(node: Node) -> bool:
    """Whether `node` is YAML's null, which MLgym reads like a key that is not there."""
    return isinstance(node, Scalar) and node.value is None
