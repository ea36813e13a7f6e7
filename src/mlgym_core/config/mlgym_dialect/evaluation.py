"""Metrics and what they are given, evaluation, early stopping and checkpoints."""

from __future__ import annotations

from mlgym_core.config.mlgym_dialect.components import Component
from mlgym_core.config.mlgym_dialect.context import Context, Slots, component_node, mapping_node, with_arguments
from mlgym_core.config.mlgym_dialect.data import given_splits
from mlgym_core.config.mlgym_dialect.faults import NOT_AVAILABLE, PREDICTIONS
from mlgym_core.config.mlgym_dialect.rewrite import over
from mlgym_core.config.mlgym_dialect.training import lower_loss, lower_train_component
from mlgym_core.config.mlgym_dialect.words import (
    CHECKPOINTINGS,
    EARLY_STOPPING_WORDS,
    EARLY_STOPPINGS,
    LABEL_METRICS,
    METRICS,
    NOT_AVAILABLE_METRICS,
    NOT_AVAILABLE_POST_PROCESSORS,
    PREDICTION_FORMS,
)
from mlgym_core.config.nodes import Mapping, Node, Scalar, Sequence, to_plain

_METRIC_KEYS = ("key", "tag", "params", "prediction_subscription_key", "target_subscription_key")
_RAW = "values"


def lower_eval_component(component: Component, context: Context) -> Slots:
    """EVAL_COMPONENT: its metrics by their tags; its losses must be those that are trained on."""
    entries = context.config(component, component.config)
    for word in ("metrics_computation_config", "loss_computation_config"):
        if word in entries:
            hint = "leave it out: every score is computed on every split that is evaluated"
            context.faults.add(NOT_AVAILABLE, f"{word} is not available yet", entries[word].place, hint)
    published = _published_predictions(component, entries.get("post_processors_config"), context)
    metrics = entries.get("metrics_config")
    lowered = [_lower_metric(each, published, context) for each in context.items(metrics, "metrics_config")]
    for loss in context.items(entries.get("loss_funs_config"), "loss_funs_config"):
        _check_loss(lower_loss(loss, context), context)
    place = metrics.place if metrics else component.place
    return {context.slot_of(component): Sequence(items=tuple(lowered), place=place)}


def _published_predictions(component: Component, post_processors: Node | None, context: Context) -> dict[str, str]:
    """By the key that they are published under: whether predictions are labels, probabilities or the model's values."""
    model = context.required(component, "model") or context.first("MODEL")
    own = model.config.get("prediction_publication_keys") if model and isinstance(model.config, Mapping) else None
    published = {str(to_plain(key)): _RAW for key in context.fields_of_any(own).values()}
    for node in context.items(post_processors, "post_processors_config"):
        known = ("key", "params", "applicable_splits", "prediction_subscription_key", "prediction_publication_key")
        entries = context.fields(node, "a post-processor", (*known, "threshold"))
        if "key" not in entries:
            context.faults.malformed("a post-processor", "{key: NAME, prediction_publication_key: NAME}", node)
            continue
        form = context.name(entries["key"], "post-processor", PREDICTION_FORMS, NOT_AVAILABLE_POST_PROCESSORS)
        inner = {**entries, **context.fields_of_any(entries.get("params"))}
        if "prediction_publication_key" in inner and isinstance(form, Scalar) and form.value:
            published[str(to_plain(inner["prediction_publication_key"]))] = str(form.value)
    return published


def _lower_metric(metric: Node, published: dict[str, str], context: Context) -> Node:
    entries = context.fields(metric, "a metric", _METRIC_KEYS)
    if "key" not in entries:
        context.faults.malformed("a metric", "{key: METRIC, tag: NAME}", metric)
        return metric
    subscription = entries.get("prediction_subscription_key")

    def named(key: Node) -> Node:
        use = context.name(key, "metric", METRICS, NOT_AVAILABLE_METRICS)
        form = _form_of(str(to_plain(key)), subscription, published, context) if subscription else None
        more = {"given": form, "name": entries.get("tag")}
        return with_arguments(entries.get("params"), lambda parameters: component_node(use, parameters, **more))

    return over(entries["key"], named)


def _form_of(metric: str, subscription: Node, published: dict[str, str], context: Context) -> Node | None:
    """The form of the predictions that a metric subscribes to; None where a fault hides it."""
    key = str(to_plain(subscription))
    form = published.get(key)
    if form is None:
        context.faults.unknown("this evaluation", key, published, subscription.place)
    elif metric in LABEL_METRICS and form in (_RAW, "probabilities"):
        hint = "let it read what ARG_MAX or BINARIZATION publishes"
        held = "the outputs of the model" if form == _RAW else form
        message = f"{metric} compares labels, but '{key}' holds {held}"
        context.faults.add(PREDICTIONS, message, subscription.place, hint)
    return Scalar(value=form, place=subscription.place) if form else None


def _check_loss(loss: Node, context: Context) -> None:
    """A loss that is evaluated must be the one that is trained on, whose mean over a split is reported."""
    trained = context.first("TRAIN_COMPONENT")
    slot = lower_train_component(trained, context)[context.slot_of(trained)] if trained else loss
    if to_plain(slot) != to_plain(loss):
        hint = "the loss that is trained on is reported: evaluate that one, with the same key, and no other"
        context.faults.add(NOT_AVAILABLE, "a further loss for the evaluation is not available yet", loss.place, hint)


def lower_evaluator(component: Component, context: Context) -> Slots:
    """EVALUATOR: the default one, told its splits where it does not take all that the loaders have."""
    context.config(component, component.config)
    evaluation = context.required(component, "eval_component")
    loaders = context.required(evaluation, "data_loaders") if evaluation else None
    source = context.required(loaders, "iterators") if loaders else None
    given = given_splits(source, context) if source else None
    if evaluation is None or loaders is None or given is None:
        return {}
    loaded = context.subscribed(loaders, "iterators", given)
    taken = context.subscribed(evaluation, "data_loaders", loaded) if loaded else None
    if taken is None or loaded is None or list(taken) == list(loaded):
        return {}
    names = tuple(Scalar(value=name, place=evaluation.place) for name in taken)
    splits = Sequence(items=names, place=evaluation.place)
    return {context.slot_of(component): mapping_node({"splits": splits}, component.place)}


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
