"""Data sets, their splits, collators and loaders."""

from __future__ import annotations

from functools import partial

from mlgym_core.config.mlgym_dialect.components import Component
from mlgym_core.config.mlgym_dialect.context import Context, Slots, component_node, mapping_node
from mlgym_core.config.mlgym_dialect.faults import MALFORMED
from mlgym_core.config.mlgym_dialect.given import Splits, divisions, source_splits
from mlgym_core.config.mlgym_dialect.rewrite import over
from mlgym_core.config.mlgym_dialect.words import SAMPLINGS
from mlgym_core.config.nodes import Mapping, Node, Scalar, Sequence, to_plain
from mlgym_core.config.sweep_values import is_sweep


def lower_dataset(component: Component, context: Context) -> Slots:
    """DATASET_ITERATORS: the named data set; what its `split_configs` say beside `split` are its arguments."""
    repository = context.required(component, "repository")

    def lower(config: Node) -> Node:
        entries = context.config(component, config)
        if "dataset_identifier" not in entries:
            context.faults.malformed(f"dataset_identifier of '{component.name}'", "the name of a data set", config)
            return config
        arguments = _dataset_arguments(entries.get("split_configs"), component, context)

        def named(use: Node) -> Node:
            reads_files = repository is not None and isinstance(use, Scalar) and use.value == "mnist"
            return component_node(use, arguments, folder=_storage_path(repository, context) if reads_files else None)

        return over(entries["dataset_identifier"], named)

    return {context.slot_of(component): over(component.config, lower)}


def _dataset_arguments(split_configs: Node | None, component: Component, context: Context) -> Mapping | None:
    """What all entries of `split_configs` say alike, without the names of the splits."""
    entries = [each for each in context.items(split_configs, "split_configs") if isinstance(each, Mapping)]
    arguments = [each.without("split") for each in entries]
    if any(to_plain(each) != to_plain(arguments[0]) for each in arguments):
        message = f"the split_configs of '{component.name}' must differ in 'split' alone"
        context.faults.add(MALFORMED, message, entries[0].place)
    return arguments[0] if arguments else None


def _storage_path(repository: Component | None, context: Context) -> Node | None:
    if repository is None:
        return None
    here = Scalar(value=".", place=repository.place)
    return over(
        repository.config, lambda config: context.config(repository, config).get("storage_connector_path", here)
    )


def lower_splits(component: Component, context: Context) -> Slots:
    """SPLITTED_DATASET_ITERATORS: a native split for each source that it divides."""
    given = source_splits(component, context) or {}

    def lower(source: str, config: Node) -> Node:
        entries = context.config(component, config)
        fractions = context.fields_of_any(entries.get("split_configs"))[source]
        use = over(entries.get("stratified", Scalar(value=False, place=component.place)), _splitter)
        return component_node(use, None, source=given[source], fractions=fractions, seed=entries.get("seed"))

    return {
        slot: over(component.config, partial(lower, source))
        for source, (slot, _) in divisions(component, context).items()
        if source in given
    }


def _splitter(stratified: Node) -> Node:
    chosen = isinstance(stratified, Scalar) and stratified.value is True
    return Scalar(value="stratified" if chosen else "random", place=stratified.place)


def lower_collator(component: Component, context: Context) -> Slots:
    """DATA_COLLATOR: `collator_type`, an injectable or a registered name, called with `collator_params`."""

    def lower(config: Node) -> Node:
        entries = context.config(component, config)
        if "collator_type" not in entries:
            context.faults.malformed(f"collator_type of '{component.name}'", "{injectable: {id: NAME}}", config)
            return config
        parameters = entries.get("collator_params")

        def typed(collator: Node) -> Node:
            if not isinstance(collator, Mapping):
                return component_node(collator, parameters)
            use, kind = collator.get("use"), collator.get("kind")
            if use is None:
                context.faults.malformed("collator_type", "{injectable: {id: NAME}}", collator)
                return collator
            return component_node(use, parameters, kind=kind)

        return over(entries["collator_type"], typed)

    return {context.slot_of(component): over(component.config, lower)}


def lower_loaders(component: Component, context: Context) -> Slots:
    """DATA_LOADER: batches of the subscribed splits; the training split's seed draws their order."""
    splits = source_splits(component, context)
    if splits is None:
        return {}
    collator = context.required(component, "data_collator")
    collate = Scalar(value=f"${context.slot_of(collator)}", place=collator.place) if collator else None
    lower_sampling = _strategies if component.variant == "FUTURE" else _weighting

    def lower(config: Node) -> Node:
        entries = context.config(component, config)
        use = Scalar(value="batches", place=component.place)
        sampling, seed = lower_sampling(entries, splits, context)
        return component_node(
            use,
            None,
            splits=mapping_node(splits, component.place),
            batch_size=entries.get("batch_size", Scalar(value=1, place=component.place)),
            drop_last=entries.get("drop_last"),
            sampling=sampling,
            collate=collate,
            seed=seed,
        )

    return {context.slot_of(component): over(component.config, lower)}


def _weighting(entries: dict[str, Node], splits: Splits, context: Context) -> tuple[Node | None, Node | None]:
    """Variant DEFAULT: one split may be weighted; `seeds` go by split, or in the order of the splits."""
    training = context.training_split()

    def weighted(split: Node) -> Node:
        name = split.value if isinstance(split, Scalar) else None
        if name is None:
            return mapping_node({}, split.place)
        if name not in splits:
            context.faults.unknown("weigthed_sampling_split_name", str(name), splits, split.place)
        weighting = Scalar(value=SAMPLINGS["WEIGHTED_RANDOM"], place=split.place)
        return mapping_node({str(name): weighting}, split.place)

    split, seed = entries.get("weigthed_sampling_split_name"), entries.get("seeds")
    if isinstance(seed, Sequence):
        seed = dict(zip(splits, seed.items, strict=False)).get(training)
    elif isinstance(seed, Mapping) and not is_sweep(seed):
        seed = seed.get(training)
    return (over(split, weighted) if split else None), seed


def _strategies(entries: dict[str, Node], splits: Splits, context: Context) -> tuple[Node | None, Node | None]:
    """Variant FUTURE: a strategy for each split; a split without one is read in order."""
    strategies = context.fields_of_any(entries.get("sampling_strategies"))
    for split in strategies:
        if split not in splits:
            context.faults.unknown("sampling_strategies", split, splits, strategies[split].place)
    sampling: dict[str, Node] = {}
    seed = None
    for split, reference in splits.items():
        entry = strategies.get(split)
        in_order = Scalar(value="IN_ORDER", place=entry.place if entry else reference.place)
        chosen = context.fields(entry, f"strategy of '{split}'", ("strategy", "seed", "label_pos")) if entry else {}
        sampling[split] = over(
            chosen.get("strategy", in_order), lambda name: context.name(name, "sampling strategy", SAMPLINGS)
        )
        if split == context.training_split():
            seed = chosen.get("seed")
    return mapping_node(sampling, next(iter(splits.values())).place), seed
