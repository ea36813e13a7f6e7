"""Which splits a component of data gives to those that require it, and where they stand in the native tree.

Owns the names of splits on their way from one component to the next; what is done to them is lowered elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mlgym_core.config.mlgym_dialect.components import Component
from mlgym_core.config.mlgym_dialect.context import Context
from mlgym_core.config.mlgym_dialect.faults import REQUIREMENT
from mlgym_core.config.nodes import Mapping, Node, Scalar
from mlgym_core.config.sweep_values import is_sweep

Splits = dict[str, Node]
"""Native references to data sets by the name of their split."""


def given_splits(component: Component, context: Context) -> Splits | None:
    """The splits that a component of data gives to others; None where a fault hides them, or it is none of data."""
    read = _GIVEN.get(component.component_type)
    return read(component, context) if read else None


def source_splits(component: Component, context: Context, requirement: str = "iterators") -> Splits | None:
    """The splits that `component` requires, after its subscription; None where a fault hides them."""
    source = context.required(component, requirement)
    given = given_splits(source, context) if source else None
    return None if given is None else context.subscribed(component, requirement, given)


def divisions(component: Component, context: Context) -> dict[str, tuple[str, list[str]]]:
    """For each source that is divided: the slot of its parts, and their names."""

    def read(config: Node) -> dict[str, list[str]]:
        configs = context.config(component, config).get("split_configs")
        if not isinstance(configs, Mapping) or not all(isinstance(each, Mapping) for each in configs.entries.values()):
            wanted = "{SPLIT: {NEW_SPLIT: FRACTION, ...}}"
            context.faults.malformed(f"split_configs of '{component.name}'", wanted, configs or config)
            return {}
        return {source: list(context.fields_of_any(parts)) for source, parts in configs.entries.items()}

    names = context.agreed(component.config, f"the splits of '{component.name}'", read)
    slot = context.slot_of(component)
    return {
        source: (slot if number == 0 else f"{slot}_{source}", parts)
        for number, (source, parts) in enumerate(names.items())
    }


def _of_data_set(component: Component, context: Context) -> Splits | None:
    def read(config: Node) -> list[str]:
        entries = context.items(context.config(component, config).get("split_configs"), "split_configs")
        splits = [each["split"] for each in entries if isinstance(each, Mapping) and "split" in each]
        if not splits or len(splits) != len(entries) or not all(isinstance(each, Scalar) for each in splits):
            context.faults.malformed(f"split_configs of '{component.name}'", "a list of {split: NAME}", config)
        return [str(each.value) for each in splits if isinstance(each, Scalar)]

    names = context.agreed(component.config, f"the splits of '{component.name}'", read)
    return _references(component, context, names) or None


def _of_division(component: Component, context: Context) -> Splits | None:
    given = source_splits(component, context)
    if given is None:
        return None
    parts: Splits = {}
    for source, (slot, names) in divisions(component, context).items():
        if source not in given:
            message = f"'{component.name}' divides a split '{source}' that it does not get"
            context.faults.add(REQUIREMENT, message, component.place, f"it gets: {', '.join(given)}")
        parts.update((name, Scalar(value=f"${slot}.{name}", place=component.place)) for name in names)
    return {**given, **parts}


def _of_source(component: Component, context: Context) -> Splits | None:
    given = source_splits(component, context)
    return None if given is None else _references(component, context, given)


def _of_applicable(component: Component, context: Context) -> Splits | None:
    def read(config: Node) -> list[str]:
        items = context.items(context.config(component, config).get("applicable_splits"), "applicable_splits")
        return [str(each.value) for each in items if isinstance(each, Scalar)]

    names = context.agreed(component.config, f"applicable_splits of '{component.name}'", read)
    return _references(component, context, names)


def _of_combination(component: Component, context: Context) -> Splits | None:
    def read(config: Node) -> list[str]:
        entries = context.items(context.config(component, config).get("combine_configs"), "combine_configs")
        names = [each.get("new_split") for each in entries if isinstance(each, Mapping)]
        return [str(each.value) for each in names if isinstance(each, Scalar)]

    names = context.agreed(component.config, f"the splits of '{component.name}'", read)
    return _references(component, context, names)


def _of_view(component: Component, context: Context) -> Splits | None:
    def read(config: Node) -> list[str]:
        indices = context.config(component, config).get("split_indices")
        return list(indices) if isinstance(indices, Mapping) and not is_sweep(indices) else []

    names = context.agreed(component.config, f"the splits of '{component.name}'", read)
    return _references(component, context, names)


def _references(component: Component, context: Context, names: Iterable[str]) -> Splits:
    slot = context.slot_of(component)
    return {name: Scalar(value=f"${slot}.{name}", place=component.place) for name in names}


_GIVEN: dict[str, Callable[[Component, Context], Splits | None]] = {
    "DATASET_ITERATORS": _of_data_set,
    "SPLITTED_DATASET_ITERATORS": _of_division,
    "COMBINED_DATASET_ITERATORS": _of_combination,
    "IN_MEMORY_DATASET_ITERATORS": _of_source,
    "SHUFFLED_DATASET_ITERATORS": _of_source,
    "FILTERED_LABELS_ITERATOR": _of_source,
    "MAPPED_LABELS_ITERATOR": _of_source,
    "ONE_HOT_ENCODED_TARGETS_ITERATOR": _of_applicable,
    "FEATURE_ENCODED_ITERATORS": _of_applicable,
    "ITERATOR_VIEW": _of_view,
}
