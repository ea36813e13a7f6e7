"""Training one experiment from its first epoch to its last, or to the one that it is stopped after.

Owns the order of things in an epoch: train, evaluate, let the schedule and early stopping see the scores, keep a
checkpoint, ask whether to go on. It knows no process, no YAML and not where events go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch

from mlgym_core.checkpoints.protocols import Checkpoints
from mlgym_core.components.early_stopping import EarlyStopping
from mlgym_core.components.progress import is_report_due
from mlgym_core.config.spec import ExperimentSpec
from mlgym_core.events.spool import Publisher
from mlgym_core.registry import Components
from mlgym_core.training.checkpoint_keeper import CheckpointKeeper
from mlgym_core.training.facts import Facts
from mlgym_core.training.protocols import Evaluator, Noticing, Trainer
from mlgym_core.training.seeding import deterministic_kernels, seed_epoch

Reason: TypeAlias = Literal["finished", "early_stopping", "stopped"]


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
    should_stop: Callable[[], bool],
    resume_from: int | None = None,
) -> Outcome:
    """How training ended; `should_stop` is asked after each epoch, when its checkpoint is complete.

    With `resume_from` it goes on from the checkpoint of that epoch, to the same bits as without the break.
    """
    num_epochs = spec.config["run"]["epochs"]
    experiment = _Experiment(
        components, spec, Facts(publisher, run_id=run_id, experiment_id=spec.experiment_id, num_epochs=num_epochs)
    )
    keeper = CheckpointKeeper(
        checkpoints,
        experiment_id=spec.experiment_id,
        rule=components["checkpointing"],
        trainer=experiment.trainer,
        early_stopping=experiment.early_stopping,
        facts=experiment.facts,
    )
    with deterministic_kernels():
        experiment.prepare(torch.device(device))
        if resume_from is not None:
            keeper.restore(resume_from)
        for epoch in range(0 if resume_from is None else resume_from + 1, num_epochs):
            gives_up = experiment.run_epoch(epoch)
            keeper.keep(epoch)
            is_last = epoch + 1 == num_epochs
            if not is_last and (gives_up or should_stop()):
                return Outcome(reason="early_stopping" if gives_up else "stopped", epochs_done=epoch + 1)
    return Outcome(reason="finished", epochs_done=num_epochs)


class _Experiment:
    """The parts of one experiment at work."""

    def __init__(self, components: Components, spec: ExperimentSpec, facts: Facts) -> None:
        self.trainer: Trainer = components["trainer"]
        self.early_stopping: EarlyStopping | None = components.get("early_stopping")
        self.facts = facts
        self._evaluator: Evaluator = components["evaluator"]
        self._seed: int = spec.config["run"]["seed"]
        self._goals = components.score_goals
        self._noticing = [each for each in (self.trainer, self._evaluator) if isinstance(each, Noticing)]

    def prepare(self, device: torch.device) -> None:
        self.trainer.prepare(device)
        self._evaluator.to(device)

    def run_epoch(self, epoch: int) -> bool:
        """Train and evaluate; whether early stopping gives up after it."""
        seed_epoch(self._seed, epoch)
        trainer = self.trainer
        report = self.facts.progress(
            "train", epoch=epoch, splits=[trainer.split], split=trainer.split, num_batches=trainer.num_batches
        )
        for batch in trainer.train_epoch(epoch):
            if is_report_due(batch, trainer.num_batches):
                report(batch)
                self._pass_on_notices()
        scores = self._evaluate(epoch)
        trainer.finish_epoch(scores)
        self._pass_on_notices()
        if self.early_stopping is None:
            return False
        monitor = self.early_stopping.monitor
        return self.early_stopping.observe(scores[monitor], self._goals[monitor.partition("/")[2]])

    def _evaluate(self, epoch: int) -> dict[str, float]:
        """The scores of every split by `<split>/<name>`, published."""
        evaluator = self._evaluator
        scores: dict[str, float] = {}
        for split in evaluator.splits:
            report = self.facts.progress(
                "evaluation",
                epoch=epoch,
                splits=evaluator.splits,
                split=split,
                num_batches=evaluator.num_batches(split),
            )
            found = evaluator.evaluate(split, self.trainer, report)
            self.facts.scores(epoch, split, found)
            scores.update((f"{split}/{name}", value) for name, value in {**found.losses, **found.metrics}.items())
        return scores

    def _pass_on_notices(self) -> None:
        for each in self._noticing:
            self.facts.warn(each.take_notices())
