"""Saving what an experiment resumes from after each epoch, and deleting what its rule no longer keeps.

Owns what a checkpoint holds beside the trainer's own files. It knows neither their formats nor where they lie. There
are no states of random generators in it: they are seeded anew for each epoch.
"""

from __future__ import annotations

from collections.abc import Sequence

from mlgym_core.checkpoints import serialize
from mlgym_core.checkpoints.digests import describe
from mlgym_core.checkpoints.protocols import Checkpoints
from mlgym_core.components.checkpointing import Checkpointing
from mlgym_core.components.early_stopping import EarlyStopping
from mlgym_core.training.facts import Facts, SavedCheckpoint
from mlgym_core.training.protocols import Trainer

STATEFUL_COMPONENTS = "stateful_components.json"


class CheckpointKeeper:
    """The checkpoints of one experiment."""

    def __init__(
        self,
        checkpoints: Checkpoints,
        *,
        experiment_id: int,
        rule: Checkpointing,
        trainer: Trainer,
        early_stopping: EarlyStopping | None,
        facts: Facts,
    ) -> None:
        self._checkpoints = checkpoints
        self._experiment_id = experiment_id
        self._rule = rule
        self._trainer = trainer
        self._early_stopping = early_stopping
        self._facts = facts
        self._saved: dict[int, SavedCheckpoint] = {}

    def keep(self, epoch: int) -> None:
        """Do what the rule says after `epoch`; a checkpoint is complete before it is told of."""
        decision = self._rule.decide(epoch, self._saved.keys())
        if decision.save:
            files = {name: freeze() for name, freeze in self._trainer.resources().items()}
            files[STATEFUL_COMPONENTS] = self._dump_state(decision.kept_as)
            resources = self._checkpoints.save(self._experiment_id, epoch, files)
            self._saved[epoch] = SavedCheckpoint(
                epoch=epoch, step=self._trainer.step, resources=resources, kept_as=decision.kept_as
            )
            self._facts.checkpoint_saved(self._saved[epoch])
        for old in decision.delete:
            self._facts.checkpoint_deleted(self._saved.pop(old))
            self._checkpoints.delete(self._experiment_id, old)

    def restore(self, epoch: int) -> None:
        """Bring trainer and early stopping to where they were after `epoch`.

        Raises:
            StoreError: there is no such checkpoint.
        """

        def load(resource: str) -> bytes:
            return self._checkpoints.load(self._experiment_id, epoch, resource)

        state = serialize.load_json(load(STATEFUL_COMPONENTS))
        self._trainer.load_resources(load)
        self._trainer.step = state["step"]
        if self._early_stopping is not None:
            self._early_stopping.load_state_dict(state["early_stopping"])
        names = (*self._trainer.resources(), STATEFUL_COMPONENTS)
        self._saved[epoch] = SavedCheckpoint(
            epoch=epoch,
            step=state["step"],
            resources=describe({name: load(name) for name in names}),
            kept_as=tuple(state["kept_as"]),
        )

    def _dump_state(self, kept_as: Sequence[str]) -> bytes:
        early_stopping = self._early_stopping.state_dict() if self._early_stopping else None
        return serialize.dump_json(
            {"step": self._trainer.step, "kept_as": list(kept_as), "early_stopping": early_stopping}
        )
