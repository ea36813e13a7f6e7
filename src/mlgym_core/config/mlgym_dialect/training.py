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
from mlgym_core.config.mlgym_dialect.losses import lower_loss
from mlgym_core.config.mlgym_dialect.rewrite import over
from mlgym_core.config.nodes import Mapping, Node, Scalar, to_plain


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
    """The loss under the tag of the evaluation, where that is one of those which MLgym reports."""
    evaluated = (each for each in evaluated_losses(context) if is_same_loss(each, loss))
    return next(evaluated, loss)


def evaluated_losses(context: Context) -> list[Node]:
    """The losses of the evaluation, in their order."""
    evaluation = context.first("EVAL_COMPONENT")
    config = context.config(evaluation, evaluation.config) if evaluation else {}
    return [lower_loss(each, context) for each in context.items(config.get("loss_funs_config"), "loss_funs_config")]


def is_same_loss(loss: Node, other: Node) -> bool:
    """Whether two losses differ in their names at most."""
    if not isinstance(loss, Mapping) or not isinstance(other, Mapping):
        return False
    return bool(to_plain(loss.without("name")) == to_plain(other.without("name")))


def lower_trainer(component: Component, context: Context) -> Slots:
    """TRAINER: the default one, told its split where that is not `train`."""
    context.config(component, component.config)
    split = context.training_split()
    if split == DEFAULT_TRAINING_SPLIT:
        return {}
    name = Scalar(value=split, place=component.place)
    return {context.slot_of(component): mapping_node({"split": name}, component.place)}
