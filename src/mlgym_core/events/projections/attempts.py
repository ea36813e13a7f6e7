"""What an experiment's state is while it is attempted, and after; which of its checkpoints are kept.

Owns these fields of the state. It must not know the run around them, nor in which order events come.
"""

from __future__ import annotations

from mlgym_core.events.projections.run_state import CheckpointState, ExperimentState
from mlgym_core.events.types import AttemptStarted, Checkpoint, CheckpointSaved, ExperimentStatus


def begin(experiment: ExperimentState, at: float) -> None:
    """Notes that it trains, since `at`."""
    experiment.status = "running"
    experiment.started_at = at
    experiment.finished_at = experiment.error = experiment.stacktrace = None


def begin_attempt(experiment: ExperimentState, attempt: AttemptStarted, at: float) -> None:
    """Notes that it trains, which attempt that is, and where."""
    begin(experiment, at)
    experiment.attempt = attempt.attempt
    experiment.device = attempt.device
    experiment.host = attempt.host
    experiment.pid = attempt.pid
    experiment.threads = attempt.threads
    experiment.versions = attempt.versions


def follow(experiment: ExperimentState, progress: ExperimentStatus) -> None:
    """Notes how far it is."""
    experiment.num_epochs = progress.num_epochs
    experiment.phase = progress.status
    experiment.current_epoch = progress.current_epoch
    experiment.current_split = progress.current_split
    experiment.current_batch = progress.current_batch
    experiment.num_batches = progress.num_batches


def finish(experiment: ExperimentState, at: float) -> None:
    """Notes that it trains no more, since `at`."""
    experiment.finished_at = at
    experiment.phase = experiment.current_split = None
    experiment.current_batch = experiment.num_batches = None


def add_checkpoint(experiment: ExperimentState, saved: CheckpointSaved, at: float) -> None:
    """Puts a checkpoint in its place in the order of training, or in that of the one of the same moment."""
    drop_checkpoint(experiment, saved)
    added = CheckpointState(
        epoch=saved.epoch,
        step=saved.step,
        batch=saved.batch,
        kept_as=saved.kept_as,
        weights_sha256=saved.weights_sha256,
        resources=saved.resources,
        saved_at=at,
    )
    experiment.checkpoints = sorted(
        [*experiment.checkpoints, added], key=lambda each: (each.epoch, each.batch is None, each.step)
    )


def drop_checkpoint(experiment: ExperimentState, checkpoint: Checkpoint) -> None:
    """Takes out the checkpoint of that moment, where there is one."""
    moment = _moment(checkpoint)
    experiment.checkpoints = [each for each in experiment.checkpoints if _moment(each) != moment]


def _moment(checkpoint: CheckpointState | Checkpoint) -> tuple[int, int, int | None]:
    return checkpoint.epoch, checkpoint.step, checkpoint.batch
