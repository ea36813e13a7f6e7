"""Evaluation, early stopping and checkpoints; what a metric is given is `scoring`'s."""

from __future__ import annotations

from mlgym_core.config.mlgym_dialect.components import Component
from mlgym_core.config.mlgym_dialect.context import Context, Slots, alternatives, component_node, mapping_node
from mlgym_core.config.mlgym_dialect.faults import NOT_AVAILABLE
from mlgym_core.config.mlgym_dialect.given import given_splits
from mlgym_core.config.mlgym_dialect.rewrite import over
from mlgym_core.config.mlgym_dialect.scoring import Chain, is_raw, lower_metric, published_predictions
from mlgym_core.config.mlgym_dialect.training import evaluated_losses, is_same_loss, lower_train_component
from mlgym_core.config.mlgym_dialect.words import CHECKPOINTINGS, EARLY_STOPPING_WORDS, EARLY_STOPPINGS
from mlgym_core.config.nodes import Mapping, Node, Scalar, Sequence, to_plain

_COMPUTED = {"metrics_computation_config": "metric_tag", "loss_computation_config": "loss_tag"}
"""Which scores are computed on which splits, and the word by which each names a score."""


def lower_eval_component(component: Component, context: Context) -> Slots:
    """EVAL_COMPONENT: its metrics by their tags, and its losses beside the one that is trained on."""
    entries = context.config(component, component.config)
    published = published_predictions(component, entries.get("post_processors_config"), context)
    metrics = entries.get("metrics_config")
    lowered = [lower_metric(each, published, context) for each in context.items(metrics, "metrics_config")]
    slots: Slots = {context.slot_of(component): Sequence(items=tuple(lowered), place=(metrics or component).place)}
    losses = entries.get("loss_funs_config")
    for loss in context.items(losses, "loss_funs_config"):
        _check_subscription(loss, published, context)
    if further := _further_losses(context):
        slots["losses"] = Sequence(items=tuple(further), place=(losses or component).place)
    return slots


def _check_subscription(loss: Node, published: dict[str, Chain], context: Context) -> None:
    subscription = loss.get("prediction_subscription_key") if isinstance(loss, Mapping) else None
    if subscription is not None and not is_raw(subscription, published):
        hint = "let it read what the model publishes: BCEWithLogitsLoss is BCELoss of what SIGMOIDAL makes"
        message = "a loss of post-processed predictions is not available"
        context.faults.add(NOT_AVAILABLE, message, subscription.place, hint)


def _further_losses(context: Context) -> list[Node]:
    """The losses of the evaluation but for the one that is trained on."""
    trained = context.first("TRAIN_COMPONENT")
    slot = lower_train_component(trained, context).get(context.slot_of(trained)) if trained else None
    alternative = list(alternatives(slot)) if slot is not None else []
    further = []
    for loss in evaluated_losses(context):
        trained_in = [is_same_loss(loss, each) for each in alternative]
        if any(trained_in) and not all(trained_in):
            hint = "evaluate it in a file of its own, without the sweep"
            message = "a loss that only some of a sweep's values train on cannot be evaluated with all of them"
            context.faults.add(NOT_AVAILABLE, message, loss.place, hint)
        if not any(trained_in):
            further.append(loss)
    return further


def lower_evaluator(component: Component, context: Context) -> Slots:
    """EVALUATOR: the default one, told its splits and scores where it does not take all that there are."""
    context.config(component, component.config)
    evaluation = context.required(component, "eval_component")
    loaders = context.required(evaluation, "data_loaders") if evaluation else None
    source = context.required(loaders, "iterators") if loaders else None
    given = given_splits(source, context) if source else None
    if evaluation is None or loaders is None or given is None:
        return {}
    settings = _applicable_splits(evaluation, context)
    loaded = context.subscribed(loaders, "iterators", given)
    taken = context.subscribed(evaluation, "data_loaders", loaded) if loaded else None
    if taken is not None and loaded is not None and list(taken) != list(loaded):
        names = tuple(Scalar(value=name, place=evaluation.place) for name in taken)
        settings = {"splits": Sequence(items=names, place=evaluation.place), **settings}
    return {context.slot_of(component): mapping_node(settings, component.place)} if settings else {}


def _applicable_splits(evaluation: Component, context: Context) -> dict[str, Node]:
    """The splits of each score, where the evaluation says them; a score that it leaves out is computed on none."""
    entries = context.config(evaluation, evaluation.config)
    splits: dict[str, Node] = {}
    for word, tag in _COMPUTED.items():
        if word not in entries:
            continue
        scores = "metrics_config" if tag == "metric_tag" else "loss_funs_config"
        for score in context.items(entries.get(scores), scores):
            if isinstance(score, Mapping) and isinstance(name := score.get("tag"), Scalar):
                splits[str(name.value)] = Sequence(items=(), place=entries[word].place)
        for item in context.items(entries[word], word):
            computed = context.fields(item, word, (tag, "applicable_splits"))
            if set(computed) == {tag, "applicable_splits"}:
                splits[str(to_plain(computed[tag]))] = computed["applicable_splits"]
            else:
                context.faults.malformed(word, f"a list of {{{tag}: NAME, applicable_splits: [SPLIT, ...]}}", item)
    place = evaluation.place
    return {"applicable_splits": mapping_node(splits, place)} if splits else {}


def lower_early_stopping(component: Component, context: Context) -> Slots:
    """EARLY_STOPPING_STRATEGY: watches `<split_name>/<monitoring_key>`."""

    def lower(config: Node) -> Node:
        entries = context.config(component, config)
        key = entries.get("early_stopping_key")
        if key is None:
            context.faults.malformed(f"early_stopping_key of '{component.name}'", "a name", config)
            return config
        settings = entries.get("early_stopping_config", Scalar(value=None, place=config.place))
        return over(key, lambda name: over(settings, lambda given: _strategy(name, given, context)))

    return {context.slot_of(component): over(component.config, lower)}


def _strategy(key: Node, settings: Node, context: Context) -> Node:
    words = context.fields(settings, "early_stopping_config", EARLY_STOPPING_WORDS)
    missing = [word for word in EARLY_STOPPING_WORDS if word not in words]
    if missing:
        context.faults.malformed("early_stopping_config", f"given {', '.join(missing)} too", settings)
        return settings

    def watch(split: Node) -> Node:
        return over(
            words["monitoring_key"],
            lambda score: Scalar(value=f"{to_plain(split)}/{to_plain(score)}", place=score.place),
        )

    return component_node(
        context.name(key, "early stopping strategy", EARLY_STOPPINGS),
        None,
        monitor=over(words["split_name"], watch),
        window=words["epochs_window"],
        min_rel=words["min_relative_improvement"],
        increasing=words["is_increase_task"],
    )


def lower_checkpointing(component: Component, context: Context) -> Slots:
    """CHECKPOINTING_STRATEGY: which epochs are kept."""

    def lower(config: Node) -> Node:
        entries = context.config(component, config)
        if "checkpointing_key" not in entries:
            context.faults.malformed(f"checkpointing_key of '{component.name}'", "a name", config)
            return config
        if "checkpointing_config" in entries:
            context.fields(entries["checkpointing_config"], "checkpointing_config", ())
        return over(
            entries["checkpointing_key"],
            lambda key: component_node(context.name(key, "checkpointing strategy", CHECKPOINTINGS)),
        )

    return {context.slot_of(component): over(component.config, lower)}
