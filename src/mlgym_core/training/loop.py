"""Training one experiment from its first epoch to its last, or to the one that it is stopped after.

Owns the order of things in an epoch: train, evaluate, let the schedule and early stopping see the scores, keep a
checkpoint, ask whether to go on. It knows no process, no YAML and not where events go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch

from mlgym_core.checkpoints.protocols import Checkpoints, Moment
from mlgym_core.components.early_stopping import EarlyStopping, Goal
from mlgym_core.components.progress import is_report_due
from mlgym_core.config.settings import ResumePoints
from mlgym_core.config.spec import ExperimentSpec, canonical_hash
from mlgym_core.events.projections.positions import Known
from mlgym_core.events.spool import Publisher
from mlgym_core.registry import Components
from mlgym_core.training.checkpoint_keeper import CheckpointKeeper, Start, Subject
from mlgym_core.training.description import describe
from mlgym_core.training.facts import Facts
from mlgym_core.training.places import saying_where
from mlgym_core.training.protocols import Evaluator, Noticing, Trainer
from mlgym_core.training.repeating import Repeating
from mlgym_core.training.seeding import deterministic_kernels, restore_generators, seed_epoch

Reason: TypeAlias = Literal["finished", "early_stopping", "stopped"]
_BY_DEFAULT = ResumePoints()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How training ended, and how many epochs were done then."""

    reason: Reason
    epochs_done: int

    @property
    def stopped(self) -> bool:
        """Whether somebody stopped it before its end."""
        return self.reason == "stopped"


def train(
    components: Components,
    *,
    spec: ExperimentSpec,
    run_id: str,
    publisher: Publisher,
    checkpoints: Checkpoints,
    device: str,
    versions: Mapping[str, str],
    should_stop: Callable[[], bool],
    resume_points: ResumePoints = _BY_DEFAULT,
    resume_from: Moment | None = None,
    known: Known | None = None,
) -> Outcome:
    """How training ended; `should_stop` is asked after each epoch.

    With `resume_from` it goes on from the checkpoint of that moment, to the same bits as without the break. What is
    `known` of earlier attempts is not told again. `versions` are recorded in checkpoints, and named where they differ.

    Raises:
        StoreError: the checkpoint to go on from is not whole, or not one of these components.
    """
    facts = Facts(
        Repeating(publisher, known) if known else publisher,
        run_id=run_id,
        experiment_id=spec.experiment_id,
        num_epochs=spec.config["run"]["epochs"],
    )
    experiment = _Experiment(components, spec, facts)
    threads, kind = torch.get_num_threads(), torch.device(device)
    subject = Subject(
        experiment_id=spec.experiment_id,
        trainer=experiment.trainer,
        early_stopping=experiment.early_stopping,
        num_splits=len(experiment.evaluator.splits),
        device=kind,
        circumstances={
            "threads": threads,
            "device": kind.type,
            "versions": dict(versions),
            "config_hash": _identity(spec),
        },
    )
    keeper = CheckpointKeeper(
        checkpoints,
        subject,
        rule=components["checkpointing"],
        goal_of=experiment.goal_of,
        resume_points=resume_points,
        facts=facts,
    )
    with saying_where(components), deterministic_kernels(), keeper:
        experiment.prepare(kind)
        facts.described(describe(components, experiment.trainer))
        start = Start() if resume_from is None else keeper.restore(resume_from, known or Known())
        outcome = experiment.run(start, keeper, should_stop)
        if not outcome.stopped:
            keeper.finish()
        return outcome


def _identity(spec: ExperimentSpec) -> str:
    """The hash of all that training depends on up to any moment: how many epochs are to follow is no part of it."""
    run = {name: value for name, value in spec.config["run"].items() if name != "epochs"}
    return canonical_hash({**spec.config, "run": run})


class _Experiment:
    """The parts of one experiment at work."""

    def __init__(self, components: Components, spec: ExperimentSpec, facts: Facts) -> None:
        self.trainer: Trainer = components["trainer"]
        self.evaluator: Evaluator = components["evaluator"]
        self.early_stopping: EarlyStopping | None = components.get("early_stopping")
        self._facts = facts
        self._seed: int = spec.config["run"]["seed"]
        self._num_epochs: int = spec.config["run"]["epochs"]
        self._goals = components.score_goals
        self._noticing = [each for each in (self.trainer, self.evaluator) if isinstance(each, Noticing)]

    def goal_of(self, score: str) -> Goal:
        """Which way a score gets better, by `<split>/<name>`."""
        return self._goals[score.partition("/")[2]]

    def prepare(self, device: torch.device) -> None:
        self.trainer.prepare(device)
        self.evaluator.to(device)

    def run(self, start: Start, keeper: CheckpointKeeper, should_stop: Callable[[], bool]) -> Outcome:
        """Every epoch from `start` on, until one is the last."""
        epoch, gave_up = start.epoch, start.gave_up
        while epoch < self._num_epochs and not gave_up:
            if epoch > start.epoch and should_stop():
                return Outcome(reason="stopped", epochs_done=epoch)
            seed_epoch(self._seed, epoch)
            first_batch = start.first_batch if epoch == start.epoch else 0
            if first_batch and start.generators is not None:
                restore_generators(start.generators)
            self._train(epoch, first_batch, keeper)
            scores = self._evaluate(epoch, keeper)
            gave_up = self._finish_epoch(scores)
            ends = gave_up or epoch + 1 == self._num_epochs
            keeper.after_epoch(epoch, scores, gave_up=gave_up, ends=ends)
            epoch += 1
        return Outcome(reason="finished" if epoch >= self._num_epochs else "early_stopping", epochs_done=epoch)

    def _train(self, epoch: int, first_batch: int, keeper: CheckpointKeeper) -> None:
        trainer = self.trainer
        num_batches, after_batch = trainer.num_batches, keeper.after_batch
        report = self._facts.progress(
            "train", epoch=epoch, splits=[trainer.split], split=trainer.split, num_batches=num_batches
        )
        previous = first_batch - 1
        for batch in trainer.train_epoch(epoch, first_batch):
            if is_report_due(batch, num_batches, previous):
                report(batch)
                self._pass_on_notices()
            after_batch(epoch, batch)
            previous = batch

    def _finish_epoch(self, scores: Mapping[str, float]) -> bool:
        """Let the schedule and early stopping see the scores; whether that gives up."""
        self.trainer.finish_epoch(scores)
        self._pass_on_notices()
        if self.early_stopping is None:
            return False
        monitor = self.early_stopping.monitor
        return self.early_stopping.observe(scores[monitor], self.goal_of(monitor))

    def _evaluate(self, epoch: int, keeper: CheckpointKeeper) -> dict[str, float]:
        """The scores of every split by `<split>/<name>`, published."""
        evaluator = self.evaluator
        scores: dict[str, float] = {}
        for split in evaluator.splits:
            report = self._facts.progress(
                "evaluation",
                epoch=epoch,
                splits=evaluator.splits,
                split=split,
                num_batches=evaluator.num_batches(split),
            )
            found = evaluator.evaluate(split, self.trainer, report)
            keeper.settle()  # a checkpoint that was saved before comes before this in the log, however slow its disk
            self._facts.scores(epoch, split, found)
            scores.update((f"{split}/{name}", value) for name, value in {**found.losses, **found.metrics}.items())
        return scores

    def _pass_on_notices(self) -> None:
        for each in self._noticing:
            self._facts.warn(each.take_notices())
