"""Which checkpoints to keep.

Owns the decision alone: it neither knows what is in a checkpoint nor where it lies.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from mlgym_core.registry import default_registry, register


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do after an epoch; the old checkpoints go once the new one is complete."""

    save: bool
    kept_as: tuple[str, ...] = ()
    delete: tuple[int, ...] = ()


class Checkpointing(Protocol):
    """A rule by which checkpoints are kept."""

    def decide(self, epoch: int, saved: Collection[int], /) -> Decision:
        """What to do after `epoch`, where those in `saved` have a checkpoint."""
        ...


@register("checkpointing", "last_epoch")
class LastEpoch:
    """Keeps the checkpoint of the last epoch alone."""

    def decide(self, epoch: int, saved: Collection[int], /) -> Decision:
        """Save, and delete what was saved before."""
        return Decision(save=True, kept_as=("last",), delete=tuple(sorted(each for each in saved if each != epoch)))


@register("checkpointing", "every_epoch")
class EveryEpoch:
    """Keeps a checkpoint of each epoch."""

    def decide(self, _epoch: int, _saved: Collection[int], /) -> Decision:
        """Save."""
        return Decision(save=True, kept_as=("every",))


@register("checkpointing", "none")
class NoCheckpoints:
    """Saves nothing: such an experiment cannot be resumed."""

    def decide(self, _epoch: int, _saved: Collection[int], /) -> Decision:
        """Do nothing."""
        return Decision(save=False)


default_registry.set_default("checkpointing", "last_epoch")
