"""What an experiment is about to train, and on what: its parameters, its splits, and which part needs which.

Owns the reading of live components and of the references in their configuration. It changes and publishes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlgym_core.components.data.loaders import Loader, label_counts
from mlgym_core.config.native import NOT_SLOTS
from mlgym_core.events.descriptions import ModelDescription, PipelineNode, SplitDescription
from mlgym_core.registry import Components
from mlgym_core.registry.references import parse_reference
from mlgym_core.training.protocols import Trainer


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What there is to say before the first epoch."""

    model: ModelDescription
    data: Mapping[str, SplitDescription]
    pipeline: list[PipelineNode]


def describe(components: Components, trainer: Trainer) -> Description:
    """The description of an experiment whose trainer is prepared; no sample is read for it."""
    model = components.get("model", trainer)
    loaders = components.get("loaders")
    # A trainer of the user's own may read its data in any way, and a component that is not ours may stand here.
    splits = loaders.items() if isinstance(loaders, Mapping) else ()
    return Description(
        model=ModelDescription(
            class_name=type(model).__name__,
            num_parameters=getattr(trainer, "num_parameters", None),
            num_trainable_parameters=getattr(trainer, "num_trainable_parameters", None),
        ),
        data={split: _describe_split(loader) for split, loader in splits if hasattr(loader, "source")},
        pipeline=pipeline(components.config),
    )


def pipeline(config: Mapping[str, Any]) -> list[PipelineNode]:
    """The slots of a resolved configuration, in its order, each with the slots that it refers to."""
    slots = [slot for slot in config if slot not in NOT_SLOTS]
    return [
        PipelineNode(
            slot=slot,
            use=[each["use"] for each in _components_of(config[slot])],
            needs=list(dict.fromkeys(_references_in(config[slot]))),
        )
        for slot in slots
    ]


def _describe_split(loader: Loader) -> SplitDescription:
    return SplitDescription(num_samples=len(loader.source), task=loader.task, labels=label_counts(loader))


def _components_of(value: Any) -> list[Mapping[str, Any]]:
    return value if isinstance(value, list) else [value]


def _references_in(value: Any) -> Iterator[str]:
    if reference := parse_reference(value):
        yield reference.slot
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _references_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references_in(each)
