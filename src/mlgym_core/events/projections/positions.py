"""What a log already has of each experiment's facts that have a position, so that a repeated attempt tells them once.

Owns which position a fact has. Made from the log alone; it must not know how an attempt is repeated.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import msgspec

from mlgym_core.events.codec import decode_event, read_stamp
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.log_reader import LogReader
from mlgym_core.events.types import (
    AttemptStarted,
    Checkpoint,
    CheckpointDeleted,
    CheckpointSaved,
    EvaluationResult,
    ExperimentDescribed,
    ExperimentStatus,
    LossScore,
    MetricScore,
    Payload,
)

Result: TypeAlias = tuple[int, str]
"""The position of a result: its epoch and split."""
Place: TypeAlias = tuple[int, int, int | None]
"""The position of a checkpoint: its epoch, step and batch."""
Progress: TypeAlias = tuple[int, bool, int, int]
"""How far progress was told: epoch, whether evaluation, number of the split, batch."""

_CHUNK_BYTES = 4 * 2**20


class Known(msgspec.Struct, kw_only=True):
    """What the log has of one experiment; `attempt` is the number of the last one, 0 where there was none.

    A checkpoint that no attempt deleted, but somebody else, is as one that was not saved: it may be saved again.
    """

    attempt: int = 0
    producers: set[str] = set()
    results: dict[Result, EvaluationResult] = {}
    saved: dict[Place, CheckpointSaved] = {}
    deleted: dict[Place, CheckpointDeleted] = {}
    progress: Progress | None = None
    is_described: bool = False

    def add(self, payload: Payload, producer: str | None = None) -> None:
        """Takes note of one fact of this experiment; facts without a position change nothing.

        Without a `producer` it is one of an attempt's.
        """
        match payload:
            case EvaluationResult():
                self.results[result_position(payload)] = payload
            case CheckpointSaved():
                self.saved[checkpoint_position(payload)] = payload
            case CheckpointDeleted() if producer is not None and producer not in self.producers:
                self.saved.pop(checkpoint_position(payload), None)
            case CheckpointDeleted():
                self.deleted[checkpoint_position(payload)] = payload
            case ExperimentStatus():
                self.progress = max(self.progress or progress_position(payload), progress_position(payload))
            case ExperimentDescribed():
                self.is_described = True
            case AttemptStarted():
                self.attempt = max(self.attempt, payload.attempt)
                if producer is not None:
                    self.producers.add(producer)


def read_known(run: RunFolder) -> dict[int, Known]:
    """What the run's log has of each experiment by its id; those without such facts are absent.

    Raises:
        StoreError: the log cannot be read, or a line of it holds no event.
    """
    reader = LogReader(run)
    known: dict[int, Known] = {}
    while lines := reader.poll(_CHUNK_BYTES):
        gather_known(lines, known)
    return known


def gather_known(lines: Iterable[bytes], known: dict[int, Known]) -> None:
    """Adds to `known` what the lines of a log tell. Raises StoreError for a line that holds no event."""
    for line in lines:
        event = decode_event(line)
        if event is not None and isinstance(event.payload, _WITH_POSITION):
            stamp = read_stamp(line)
            of_experiment = known.setdefault(event.payload.experiment_id, Known())
            of_experiment.add(event.payload, stamp.producer if stamp else None)


def result_position(result: EvaluationResult) -> Result:
    """The epoch and the split of a result."""
    scores: Iterable[MetricScore | LossScore] = (*result.loss_scores, *result.metric_scores)
    return result.epoch, next((each.split for each in scores), "")


def checkpoint_position(checkpoint: Checkpoint) -> Place:
    """The epoch, step and batch of a checkpoint."""
    return checkpoint.epoch, checkpoint.step, checkpoint.batch


def progress_position(status: ExperimentStatus) -> Progress:
    """How far an experiment is, in the order in which training goes."""
    splits, split = status.splits, status.current_split
    number = splits.index(split) if split in splits else len(splits)
    return status.current_epoch, status.status == "evaluation", number, status.current_batch


_WITH_POSITION = (EvaluationResult, Checkpoint, ExperimentDescribed, ExperimentStatus, AttemptStarted)
