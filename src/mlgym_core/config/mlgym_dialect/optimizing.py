"""Optimizers, bundles of them, and learning rate schedules."""

from __future__ import annotations

from mlgym_core.config.mlgym_dialect.components import Component
from mlgym_core.config.mlgym_dialect.context import Context, Slots, component_node, mapping_node, with_arguments
from mlgym_core.config.mlgym_dialect.rewrite import over
from mlgym_core.config.nodes import Node, Scalar, Sequence

_OPTIMIZER, _SCHEDULE = "optimizer_key", "lr_scheduler_key"
_OPTIMIZERS, _FILTERS = "optimizers_config", "optimizer_key_to_param_key_filters"
_CONFIG_OF_VARIANT = {"DEFAULT": (_OPTIMIZER, "params"), "BUNDLE": (_OPTIMIZERS, _FILTERS)}


def lower_optimizer(component: Component, context: Context) -> Slots:
    """OPTIMIZER: `optimizer_key` in any case, with `params`; as BUNDLE several, by parts of parameters' names."""
    lower = _bundle if component.variant == "BUNDLE" else _single
    return {context.slot_of(component): over(component.config, lambda config: lower(component, config, context))}


def lower_schedule(component: Component, context: Context) -> Slots:
    """LR_SCHEDULER: `lr_scheduler_key` with `params`; `dummy` means none."""

    def lower(config: Node) -> Node:
        return _keyed(_SCHEDULE, context.config(component, config), f"of '{component.name}'", config, context)

    slot = over(component.config, lower)
    return {} if isinstance(slot, Scalar) and slot.value is None else {context.slot_of(component): slot}


def _single(component: Component, config: Node, context: Context) -> Node:
    return _optimizer(config, f"of '{component.name}'", f"config of '{component.name}'", context)


def _bundle(component: Component, config: Node, context: Context) -> Node:
    entries = context.fields(config, f"config of '{component.name}'", _CONFIG_OF_VARIANT["BUNDLE"])
    for word in _CONFIG_OF_VARIANT["BUNDLE"]:
        if word not in entries:
            context.faults.malformed(f"{word} of '{component.name}'", "a mapping from names of optimizers", config)
            return config
    optimizers = {
        name: _optimizer(each, f"of '{name}'", f"optimizer '{name}'", context)
        for name, each in context.fields_of_any(entries[_OPTIMIZERS]).items()
    }
    patterns = {
        name: over(each, lambda parts: _patterns(parts, context))
        for name, each in context.fields_of_any(entries[_FILTERS]).items()
    }
    return component_node(
        Scalar(value="bundle", place=config.place),
        optimizers=mapping_node(optimizers, entries[_OPTIMIZERS].place),
        parameters=mapping_node(patterns, entries[_FILTERS].place),
    )


def _patterns(parts: Node, context: Context) -> Node:
    """Parts of parameters' names as patterns over whole names."""
    items = context.items(parts, _FILTERS)
    for each in items:
        if not isinstance(each, Scalar) or not isinstance(each.value, str):
            context.faults.malformed(_FILTERS, "for each optimizer a list of parts of parameters' names", each)
            return parts
    return Sequence(
        items=tuple(
            Scalar(value=f"*{_literal(str(each.value))}*", place=each.place)
            for each in items
            if isinstance(each, Scalar)
        ),
        place=parts.place,
    )


def _literal(part: str) -> str:
    """A text as a pattern that matches it alone."""
    return "".join(f"[{character}]" if character in "*?[" else character for character in part)


def _optimizer(node: Node, whose: str, what: str, context: Context) -> Node:
    entries = context.fields(node, what, _CONFIG_OF_VARIANT["DEFAULT"])
    return _keyed(_OPTIMIZER, entries, whose, node, context)


def _keyed(word: str, entries: dict[str, Node], whose: str, config: Node, context: Context) -> Node:
    if word not in entries:
        context.faults.malformed(f"{word} {whose}", "a name", config)
        return config

    def named(key: Node, parameters: Node | None) -> Node:
        if not isinstance(key, Scalar) or not isinstance(key.value, str):
            context.faults.malformed(word, "a name", key)
            return key
        if key.value == "dummy":
            return Scalar(value=None, place=key.place)
        name = key.value.lower() if word == _OPTIMIZER else key.value
        return component_node(Scalar(value=name, place=key.place), parameters)

    def parametrized(parameters: Node | None) -> Node:
        return over(entries[word], lambda key: named(key, parameters))

    return with_arguments(entries.get("params"), parametrized)
