"""What training makes known, as events of one experiment.

Owns how facts of the loop become payloads. It knows no model, and not where events go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mlgym_core.checkpoints.protocols import Moment
from mlgym_core.components.evaluator import SplitScores
from mlgym_core.components.progress import Report
from mlgym_core.events.spool import Publisher
from mlgym_core.events.types import (
    Checkpoint,
    CheckpointDeleted,
    CheckpointSaved,
    EvaluationResult,
    ExperimentDescribed,
    ExperimentStatus,
    LogLines,
    LossScore,
    MetricScore,
    Resource,
)
from mlgym_core.training.description import Description


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedCheckpoint:
    """A checkpoint whose files are complete."""

    moment: Moment
    resources: list[Resource]
    kept_as: tuple[str, ...]


class Facts:
    """Publishes what happens to one experiment."""

    def __init__(self, publisher: Publisher, *, run_id: str, experiment_id: int, num_epochs: int) -> None:
        self._publisher = publisher
        self._run_id = run_id
        self._experiment_id = experiment_id
        self._num_epochs = num_epochs

    def described(self, description: Description) -> None:
        """What is about to be trained, and on what."""
        self._publisher.publish(
            ExperimentDescribed(
                grid_search_id=self._run_id,
                experiment_id=self._experiment_id,
                model=description.model,
                data=dict(description.data),
                pipeline=description.pipeline,
            )
        )

    def progress(
        self, status: Literal["train", "evaluation"], *, epoch: int, splits: Sequence[str], split: str, num_batches: int
    ) -> Report:
        """A report that publishes each batch it is told, on one pass over a split."""

        def report(batch: int) -> None:
            self._publisher.publish(
                ExperimentStatus(
                    grid_search_id=self._run_id,
                    experiment_id=self._experiment_id,
                    status=status,
                    num_epochs=self._num_epochs,
                    current_epoch=epoch,
                    splits=list(splits),
                    current_split=split,
                    num_batches=num_batches,
                    current_batch=batch,
                )
            )

        return report

    def scores(self, epoch: int, split: str, scores: SplitScores) -> None:
        """The scores of a split after an epoch."""
        self._publisher.publish(
            EvaluationResult(
                grid_search_id=self._run_id,
                experiment_id=self._experiment_id,
                epoch=epoch,
                metric_scores=[
                    MetricScore(metric=name, split=split, score=each) for name, each in scores.metrics.items()
                ],
                loss_scores=[LossScore(loss=name, split=split, score=each) for name, each in scores.losses.items()],
            )
        )

    def warn(self, lines: Sequence[str]) -> None:
        """What should be known though training goes on; nothing where there are no lines."""
        if lines:
            self._publisher.publish(
                LogLines(
                    grid_search_id=self._run_id,
                    experiment_id=self._experiment_id,
                    stream="logging",
                    level="WARNING",
                    lines=list(lines),
                )
            )

    def checkpoint_saved(self, saved: SavedCheckpoint) -> None:
        """A checkpoint is complete."""
        self._publisher.publish(self._checkpoint(CheckpointSaved, saved))

    def checkpoint_deleted(self, saved: SavedCheckpoint) -> None:
        """A checkpoint is about to go."""
        self._publisher.publish(self._checkpoint(CheckpointDeleted, saved))

    def _checkpoint(self, kind: type[Checkpoint], saved: SavedCheckpoint) -> Checkpoint:
        return kind(
            grid_search_id=self._run_id,
            experiment_id=self._experiment_id,
            epoch=saved.moment.epoch,
            step=saved.moment.step,
            batch=saved.moment.batch,
            resources=saved.resources,
            weights_sha256=next(each.sha256 for each in saved.resources if each.name.startswith("model.")),
            kept_as=list(saved.kept_as),
        )
