"""What an experiment says of itself before it trains: its model, its data, and which part needs which.

Owns the structs that the fact `experiment_described` is made of.
"""

from __future__ import annotations

import msgspec


class ModelDescription(msgspec.Struct, frozen=True, kw_only=True):
    """A model by the name of its class; its numbers of parameters, where it has any that can be counted."""

    class_name: str = msgspec.field(name="class")
    num_parameters: int | None = None
    num_trainable_parameters: int | None = None


class SplitDescription(msgspec.Struct, frozen=True, kw_only=True):
    """The samples of a split; `labels` counts them by class, where there are classes and no sample had to be read."""

    num_samples: int
    task: str | None = None
    labels: dict[str, int] | None = None


class PipelineNode(msgspec.Struct, frozen=True, kw_only=True):
    """A slot of the configuration, the names of what stands in it, and the slots that these refer to."""

    slot: str
    use: list[str]
    needs: list[str]
