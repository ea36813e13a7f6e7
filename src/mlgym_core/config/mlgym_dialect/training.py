"""Models, training losses and the trainer."""

from __future__ import annotations

from mlgym_core.config.mlgym_dialect.components import Component
from mlgym_core.config.mlgym_dialect.context import (
    DEFAULT_TRAINING_SPLIT,
    Context,
    Slots,
    component_node,
    mapping_node,
    with_arguments,
)
from mlgym_core.config.mlgym_dialect.faults import NOT_AVAILABLE
from mlgym_core.config.mlgym_dialect.rewrite import over
from mlgym_core.config.mlgym_dialect.words import LOSSES, NOT_AVAILABLE_LOSSES
from mlgym_core.config.nodes import Mapping, Node, Scalar, Sequence, to_plain

_LOSS_KEYS = (
    "key",
    "tag",
    "prediction_subscription_key",
    "target_subscription_key",
    "average_batch_loss",
    "flatten_predictions",
)


def lower_model(component: Component, context: Context) -> Slots:
    """MODEL: the one that its registry's subscription names, called with `model_definition`."""
    requirement = component.requirements.get("model_registry")
    if requirement is None:
        return {}
    if requirement.subscription is None:
        wanted = "with a subscription: the name that the model is registered under"
        context.faults.malformed(f"requirement 'model_registry' of '{component.name}'", wanted, component.config)
        return {}
    subscription = requirement.subscription

    def lower(config: Node) -> Node:
        entries = context.config(component, config)

        def defined(definition: Node | None) -> Node:
            return over(subscription, lambda use: component_node(use, definition, seed=entries.get("seed")))

        return with_arguments(entries.get("model_definition"), defined)

    return {context.slot_of(component): over(component.config, lower)}


def lower_train_component(component: Component, context: Context) -> Slots:
    """TRAIN_COMPONENT: its loss, under the name by which the evaluation reports it."""

    def lower(config: Node) -> Node:
        entries = context.config(component, config)
        if "loss_fun_config" not in entries:
            context.faults.malformed(f"loss_fun_config of '{component.name}'", "{key: LOSS, tag: NAME}", config)
            return config
        return over(entries["loss_fun_config"], lambda loss: _named_as_evaluated(lower_loss(loss, context), context))

    return {context.slot_of(component): over(component.config, lower)}


def _named_as_evaluated(loss: Node, context: Context) -> Node:
    """The loss under the tag of the evaluation, where that is the one which MLgym reports."""
    evaluation = context.first("EVAL_COMPONENT")
    config = context.config(evaluation, evaluation.config) if evaluation else {}
    evaluated = config.get("loss_funs_config")
    if not isinstance(evaluated, Sequence) or len(evaluated.items) != 1 or not isinstance(loss, Mapping):
        return loss
    other = lower_loss(evaluated.items[0], context)
    is_same = isinstance(other, Mapping) and to_plain(other.without("name")) == to_plain(loss.without("name"))
    return other if is_same else loss


def lower_loss(loss: Node, context: Context) -> Node:
    """One entry in MLgym's words for losses as a native loss, named after its tag."""
    entries = context.fields(loss, "a loss", _LOSS_KEYS)
    if "key" not in entries:
        context.faults.malformed("a loss", "{key: LOSS, tag: NAME}", loss)
        return loss
    average = entries.get("average_batch_loss")
    if isinstance(average, Scalar) and average.value is False:
        hint = "leave it out: the loss of a batch is the mean over its samples"
        context.faults.add(NOT_AVAILABLE, "average_batch_loss: false is not available yet", average.place, hint)

    def named(key: Node) -> Node:
        return component_node(context.name(key, "loss", LOSSES, NOT_AVAILABLE_LOSSES), None, name=entries.get("tag"))

    return over(entries["key"], named)


def lower_trainer(component: Component, context: Context) -> Slots:
    """TRAINER: the default one, told its split where that is not `train`."""
    context.config(component, component.config)
    split = context.training_split()
    if split == DEFAULT_TRAINING_SPLIT:
        return {}
    name = Scalar(value=split, place=component.place)
    return {context.slot_of(component): mapping_node({"split": name}, component.place)}
