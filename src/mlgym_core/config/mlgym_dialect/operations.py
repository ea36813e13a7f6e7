"""Data sets made of data sets: combined, read, shuffled, filtered, mapped, encoded and viewed ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mlgym_core.config.mlgym_dialect.components import Component
from mlgym_core.config.mlgym_dialect.context import Context, Slots, component_node, mapping_node
from mlgym_core.config.mlgym_dialect.given import Splits, source_splits
from mlgym_core.config.mlgym_dialect.rewrite import over
from mlgym_core.config.mlgym_dialect.words import FEATURE_TYPES
from mlgym_core.config.nodes import Mapping, Node, Scalar, Sequence

Arguments = dict[str, Node | None]
_FEATURE_WORDS = ("feature_type", "feature_names", "train_split")


def lower_in_memory(component: Component, context: Context) -> Slots:
    """IN_MEMORY_DATASET_ITERATORS: every sample is read once."""
    return _lower(component, context, "in_memory", lambda _: {})


def lower_shuffled(component: Component, context: Context) -> Slots:
    """SHUFFLED_DATASET_ITERATORS: `seeds` go by split."""
    return _lower(
        component,
        context,
        "shuffled",
        lambda entries: {"seeds": entries.get("seeds"), "only": _only(component, entries)},
    )


def lower_filtered(component: Component, context: Context) -> Slots:
    """FILTERED_LABELS_ITERATOR: the samples of `filtered_labels`."""

    def read(entries: dict[str, Node]) -> Arguments:
        labels = entries.get("filtered_labels", Sequence(items=(), place=component.place))
        return {"labels": labels, "only": _only(component, entries)}

    return _lower(component, context, "filtered", read)


def lower_mapped(component: Component, context: Context) -> Slots:
    """MAPPED_LABELS_ITERATOR: each mapping says which `previous_labels` become `new_label`."""

    def read(entries: dict[str, Node]) -> Arguments:
        mappings = context.items(entries.get("mappings"), "mappings")
        renamings = tuple(_renaming(each, context) for each in mappings)
        place = entries["mappings"].place if "mappings" in entries else component.place
        return {"mappings": Sequence(items=renamings, place=place), "only": _only(component, entries)}

    return _lower(component, context, "mapped", read)


def lower_one_hot(component: Component, context: Context) -> Slots:
    """ONE_HOT_ENCODED_TARGETS_ITERATOR: rows of `target_vector_size`; it gives the applicable splits alone."""

    def read(entries: dict[str, Node]) -> Arguments:
        return {"num_classes": entries.get("target_vector_size"), "only": _only(component, entries)}

    return _lower(component, context, "one_hot", read)


def lower_features(component: Component, context: Context) -> Slots:
    """FEATURE_ENCODED_ITERATORS: columns by place, standardized or one-hot; it gives the applicable splits alone."""

    def read(entries: dict[str, Node]) -> Arguments:
        configs = context.items(entries.get("feature_encoding_configs"), "feature_encoding_configs")
        encodings = tuple(_encoding(each, component, context) for each in configs)
        place = configs[0].place if configs else component.place
        return {"encodings": Sequence(items=encodings, place=place), "fit_on": _fitted_on(configs, context)}

    return _lower(component, context, "in_place", read)


def lower_view(component: Component, context: Context) -> Slots:
    """ITERATOR_VIEW: the samples of `applicable_split` that `split_indices` names; tags are dropped."""
    given = source_splits(component, context)
    if given is None:
        return {}

    def lower(config: Node) -> Node:
        entries = context.config(component, config)
        if "split_indices" not in entries or "applicable_split" not in entries:
            wanted = "split_indices: {NEW_SPLIT: [INDEX, ...]} and applicable_split"
            context.faults.malformed(f"config of '{component.name}'", wanted, config)
            return config
        use = Scalar(value="viewed", place=component.place)
        return over(
            entries["applicable_split"],
            lambda split: component_node(
                use,
                None,
                source=_reference(split, given, f"applicable_split of '{component.name}'", context),
                indices=entries["split_indices"],
            ),
        )

    return {context.slot_of(component): over(component.config, lower)}


def lower_combined(component: Component, context: Context) -> Slots:
    """COMBINED_DATASET_ITERATORS: each `new_split` has the old splits of the components that it requires by name."""
    sources = {name: source_splits(component, context, name) for name in component.requirements}
    if any(each is None for each in sources.values()):
        return {}
    given = {name: each for name, each in sources.items() if each is not None}

    def lower(config: Node) -> Node:
        entries = context.config(component, config)
        combined: dict[str, Node] = {}
        for each in context.items(entries.get("combine_configs"), "combine_configs"):
            fields = context.fields(
                each, f"an entry of combine_configs of '{component.name}'", ("new_split", "old_splits")
            )
            name = fields.get("new_split")
            if not isinstance(name, Scalar) or "old_splits" not in fields:
                wanted = "{new_split: NAME, old_splits: [{iterators_name: NAME, splits: [...]}]}"
                context.faults.malformed("an entry of combine_configs", wanted, each)
                continue
            parts = tuple(_parts(fields["old_splits"], given, context))
            combined[str(name.value)] = Sequence(items=parts, place=each.place)
        use = Scalar(value="combined", place=component.place)
        return component_node(use, None, splits=mapping_node(combined, component.place))

    return {context.slot_of(component): over(component.config, lower)}


def _lower(component: Component, context: Context, use: str, read: Callable[[dict[str, Node]], Arguments]) -> Slots:
    given = source_splits(component, context)
    if given is None:
        return {}

    def lower(config: Node) -> Node:
        arguments = read(context.config(component, config))
        splits = mapping_node(given, component.place)
        return component_node(Scalar(value=use, place=component.place), None, splits=splits, **arguments)

    return {context.slot_of(component): over(component.config, lower)}


def _only(component: Component, entries: dict[str, Node]) -> Node:
    """The splits that are meant: none where nothing is said."""
    return entries.get("applicable_splits", Sequence(items=(), place=component.place))


def _renaming(mapping: Node, context: Context) -> Node:
    fields = context.fields(mapping, "a mapping of labels", ("previous_labels", "new_label"))
    if "previous_labels" not in fields or "new_label" not in fields:
        context.faults.malformed("a mapping of labels", "{previous_labels: [...], new_label: LABEL}", mapping)
        return mapping
    return mapping_node({"labels": fields["previous_labels"], "to": fields["new_label"]}, mapping.place)


def _encoding(config: Node, component: Component, context: Context) -> Node:
    what = f"an entry of feature_encoding_configs of '{component.name}'"
    fields = context.fields(config, what, _FEATURE_WORDS)
    kind, names = fields.get("feature_type"), fields.get("feature_names")
    if kind is None or names is None:
        context.faults.malformed(what, "{feature_type: TYPE, feature_names: [...], train_split: NAME}", config)
        return config
    step = over(kind, lambda each: context.name(each, "feature_type", FEATURE_TYPES))
    use = Scalar(value="columns", place=kind.place)
    return component_node(use, None, columns=names, steps=Sequence(items=(step,), place=kind.place))


def _fitted_on(configs: tuple[Node, ...], context: Context) -> Node | None:
    """The split that encoders are fitted on, which must be one for all of them."""
    splits = [each["train_split"] for each in configs if isinstance(each, Mapping) and "train_split" in each]
    if len({each.value for each in splits if isinstance(each, Scalar)}) > 1:
        context.faults.malformed("train_split", "the same in all entries of feature_encoding_configs", splits[-1])
    return splits[0] if splits else None


def _parts(old_splits: Node, given: dict[str, Splits], context: Context) -> list[Node]:
    parts: list[Node] = []
    for each in context.items(old_splits, "old_splits"):
        fields = context.fields(each, "an entry of old_splits", ("iterators_name", "splits"))
        name = fields.get("iterators_name")
        if not isinstance(name, Scalar) or str(name.value) not in given:
            context.faults.unknown("iterators_name", str(getattr(name, "value", None)), given, each.place)
            continue
        splits = given[str(name.value)]
        names = context.items(fields.get("splits"), "splits")
        parts += [_reference(split, splits, f"splits of '{name.value}'", context) for split in names]
    return parts


def _reference(split: Node, given: Splits, what: str, context: Context) -> Node:
    name = str(split.value) if isinstance(split, Scalar) else None
    if name in given:
        return replace(given[name], place=split.place)
    context.faults.unknown(what, str(name), given, split.place)
    return split
