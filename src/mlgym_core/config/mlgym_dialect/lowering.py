"""Makes the native tree: each component of the file becomes its native slots, in the order of the file."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from mlgym_core.config.mlgym_dialect.components import NATIVE_ENTRIES, Component
from mlgym_core.config.mlgym_dialect.context import Context, Slots
from mlgym_core.config.mlgym_dialect.data import lower_collator, lower_dataset, lower_loaders, lower_splits
from mlgym_core.config.mlgym_dialect.evaluation import (
    lower_checkpointing,
    lower_early_stopping,
    lower_eval_component,
    lower_evaluator,
)
from mlgym_core.config.mlgym_dialect.faults import MALFORMED, Faults
from mlgym_core.config.mlgym_dialect.operations import (
    lower_combined,
    lower_features,
    lower_filtered,
    lower_in_memory,
    lower_mapped,
    lower_one_hot,
    lower_shuffled,
    lower_view,
)
from mlgym_core.config.mlgym_dialect.optimizing import lower_optimizer, lower_schedule
from mlgym_core.config.mlgym_dialect.rewrite import over
from mlgym_core.config.mlgym_dialect.training import (
    lower_model,
    lower_train_component,
    lower_trainer,
)
from mlgym_core.config.mlgym_dialect.words import KIND_OF_DERIVED, SEVERAL, SLOTS
from mlgym_core.config.nodes import Mapping, Node, Scalar

_LOWER: dict[str, Callable[[Component, Context], Slots]] = {
    "DATASET_ITERATORS": lower_dataset,
    "SPLITTED_DATASET_ITERATORS": lower_splits,
    "COMBINED_DATASET_ITERATORS": lower_combined,
    "IN_MEMORY_DATASET_ITERATORS": lower_in_memory,
    "SHUFFLED_DATASET_ITERATORS": lower_shuffled,
    "FILTERED_LABELS_ITERATOR": lower_filtered,
    "MAPPED_LABELS_ITERATOR": lower_mapped,
    "ONE_HOT_ENCODED_TARGETS_ITERATOR": lower_one_hot,
    "FEATURE_ENCODED_ITERATORS": lower_features,
    "ITERATOR_VIEW": lower_view,
    "DATA_COLLATOR": lower_collator,
    "DATA_LOADER": lower_loaders,
    "MODEL": lower_model,
    "OPTIMIZER": lower_optimizer,
    "LR_SCHEDULER": lower_schedule,
    "TRAIN_COMPONENT": lower_train_component,
    "TRAINER": lower_trainer,
    "EVAL_COMPONENT": lower_eval_component,
    "EVALUATOR": lower_evaluator,
    "EARLY_STOPPING_STRATEGY": lower_early_stopping,
    "CHECKPOINTING_STRATEGY": lower_checkpointing,
}
"""The types that become native slots; registries and repositories only answer requirements."""


def lower_components(tree: Mapping, components: dict[str, Component], faults: Faults) -> Mapping:
    """The native tree of `components`, with the entries of `tree` that mean the same in both dialects."""
    context = Context(components=components, faults=faults)
    entries: dict[str, Node] = {}
    key_places = {}
    for name in tree:
        if name in NATIVE_ENTRIES:
            entries[name], key_places[name] = tree[name], tree.key_place(name)
        component = components.get(name)
        if component is None or not component.available or component.component_type not in _LOWER:
            continue
        _refuse_second(component, context)
        for slot, node in _LOWER[component.component_type](component, context).items():
            kind = SLOTS.get(component.component_type) or KIND_OF_DERIVED[component.component_type]
            entries[slot] = node if slot == kind else over(node, partial(_of_kind, kind))
            key_places[slot] = component.place
    return Mapping(entries=entries, key_places=key_places, place=tree.place)


def _refuse_second(component: Component, context: Context) -> None:
    first = context.first(component.component_type)
    if component.component_type not in SEVERAL and first is not component and first is not None:
        message = f"'{component.name}' is a second {component.component_type} beside '{first.name}'"
        context.faults.add(MALFORMED, message, component.place, "an experiment has one of them: remove the other")


def _of_kind(kind: str, node: Node) -> Node:
    """A component in a slot whose name does not tell its kind."""
    if isinstance(node, Mapping) and "use" in node:
        return node.with_entry("kind", Scalar(value=kind, place=node.place))
    return node
