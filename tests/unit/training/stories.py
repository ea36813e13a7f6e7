"""Attempts at one experiment that are broken off where a test says, and what they tell together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from mlgym_core.checkpoints.answers import Answer
from mlgym_core.checkpoints.contents import Frozen
from mlgym_core.checkpoints.local import LocalCheckpoints
from mlgym_core.checkpoints.protocols import Moment
from mlgym_core.config.settings import ResumePoints
from mlgym_core.config.spec import ExperimentSpec
from mlgym_core.events.folder import EventStorage
from mlgym_core.events.types import (
    CheckpointDeleted,
    CheckpointSaved,
    Divergence,
    EvaluationResult,
    Payload,
    Resource,
)
from mlgym_core.training import Outcome, newest_moment, train

from .memory import EXPERIMENT_ID, RUN_ID, Memory, known_of

FACTS = (EvaluationResult, CheckpointSaved, CheckpointDeleted, Divergence)
NEVER = ResumePoints(seconds=0)
EACH_STEP = ResumePoints(steps=1, seconds=0)


class Broken(Exception):
    """Stands for the end of a process."""


class Countdown:
    """Breaks training off at one of the places where it is asked; counts them all."""

    def __init__(self, at: int | None = None) -> None:
        self._at = at
        self.num_asked = 0

    def __call__(self) -> None:
        self.num_asked += 1
        if self.num_asked == self._at:
            raise Broken


class BreakingPublisher:
    """Breaks off before a fact is told."""

    def __init__(self, told: Memory, countdown: Callable[[], None]) -> None:
        self._told = told
        self._countdown = countdown

    def publish(self, payload: Payload) -> None:
        if isinstance(payload, FACTS):
            self._countdown()
        self._told.publish(payload)


class BreakingCheckpoints(LocalCheckpoints):
    """Breaks off before a checkpoint is saved, and before and after each that is deleted; a thread does all that."""

    def __init__(self, run, countdown: Callable[[], None], thread: ThreadPoolExecutor) -> None:
        super().__init__(run, "written")
        self._countdown = countdown
        self._thread = thread

    def save(
        self,
        experiment_id: int,
        moment: Moment,
        files: Mapping[str, Frozen],
        instead_of: Sequence[Moment] = (),
        *,
        may_wait: bool = False,
    ) -> Answer[list[Resource]]:
        def save() -> list[Resource]:
            for each in instead_of:
                self._delete(experiment_id, each)
            self._countdown()
            return LocalCheckpoints.save(self, experiment_id, moment, files).result()

        return self._thread.submit(save)

    def delete(self, experiment_id: int, moment: Moment) -> Answer[None]:
        return self._thread.submit(self._delete, experiment_id, moment)

    def _delete(self, experiment_id: int, moment: Moment) -> None:
        self._countdown()
        LocalCheckpoints.delete(self, experiment_id, moment).result()
        self._countdown()


def nothing() -> None:
    return


class Story:
    """Attempts at one experiment, and what they told together."""

    def __init__(self, assemble, folder: Path, config: Mapping[str, Any], points: ResumePoints = NEVER) -> None:
        self.run = EventStorage(folder).run(RUN_ID)
        self.told = Memory()
        self.resumed_from: Moment | None = None
        self._assemble = assemble
        self._config = config
        self.points = points
        self.trainer: Any = None

    def attempt(
        self,
        *,
        batches: Callable[[], None] = nothing,
        facts: Callable[[], None] = nothing,
        files: Callable[[], None] = nothing,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Outcome | None:
        """How it ended; None where it was broken off."""
        components = self._assemble(self._config)
        self.trainer = trainer = components["trainer"]
        trainer.train_epoch = partial(_breaking, trainer.train_epoch, batches)
        known = known_of(self.told)
        self.resumed_from = newest_moment(LocalCheckpoints(self.run), EXPERIMENT_ID, known)
        try:
            with ThreadPoolExecutor(max_workers=1) as thread:
                return train(
                    components,
                    spec=ExperimentSpec(experiment_id=EXPERIMENT_ID, config=components.config, config_hash=""),
                    run_id=RUN_ID,
                    publisher=BreakingPublisher(self.told, facts),
                    checkpoints=BreakingCheckpoints(self.run, files, thread),
                    device="cpu",
                    versions={},
                    should_stop=should_stop,
                    resume_points=self.points,
                    resume_from=self.resumed_from,
                    known=known,
                )
        except Broken:
            return None

    @property
    def facts(self) -> list[Payload]:
        return [each for each in self.told.payloads if isinstance(each, FACTS)]

    @property
    def weights(self) -> bytes:
        return bytes(self.trainer.resources()["model.safetensors"]())

    @property
    def stored(self) -> list[str]:
        return sorted(str(each.relative_to(self.run.path)) for each in self.run.path.rglob("*") if each.is_file())


def _breaking(train_epoch, countdown: Callable[[], None], epoch: int, first_batch: int = 0) -> Iterator[int]:
    for batch in train_epoch(epoch, first_batch):
        countdown()
        yield batch
