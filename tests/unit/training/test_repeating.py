import pickle
from math import nan

import pytest

from mlgym_core.events.projections.positions import Known
from mlgym_core.events.types import (
    CheckpointDeleted,
    CheckpointSaved,
    Divergence,
    EvaluationResult,
    ExperimentStatus,
    JobStatus,
    MetricScore,
    Payload,
    Resource,
)
from mlgym_core.training.repeating import Repeating

from .memory import EXPERIMENT_ID, RUN_ID, Memory, known_of


def result(epoch: int, score: float, split: str = "val") -> EvaluationResult:
    return EvaluationResult(
        grid_search_id=RUN_ID,
        experiment_id=EXPERIMENT_ID,
        epoch=epoch,
        metric_scores=[MetricScore(metric="f1", split=split, score=score)],
        loss_scores=[],
    )


def checkpoint(kind, epoch: int, sha256: str = "ab", batch: int | None = None):
    return kind(
        grid_search_id=RUN_ID,
        experiment_id=EXPERIMENT_ID,
        epoch=epoch,
        step=9,
        batch=batch,
        resources=[Resource(name="model.safetensors", size_bytes=3, sha256=sha256)],
        weights_sha256=sha256,
        kept_as=["last"],
    )


def progress(epoch: int, batch: int, split: str | None = None) -> ExperimentStatus:
    return ExperimentStatus(
        grid_search_id=RUN_ID,
        experiment_id=EXPERIMENT_ID,
        status="evaluation" if split else "train",
        num_epochs=3,
        current_epoch=epoch,
        splits=["val", "test"] if split else ["train"],
        current_split=split or "train",
        num_batches=10,
        current_batch=batch,
    )


@pytest.fixture
def told() -> Memory:
    """What an earlier attempt told."""
    memory = Memory()
    memory.payloads = [
        progress(0, 9),
        result(0, 0.25),
        result(0, nan, "test"),
        checkpoint(CheckpointSaved, 0),
        checkpoint(CheckpointDeleted, 0),
        progress(1, 4),
    ]
    return memory


@pytest.fixture
def again() -> Memory:
    return Memory()


@pytest.fixture
def repeating(told, again) -> Repeating:
    known: Known = pickle.loads(pickle.dumps(known_of(told)))
    return Repeating(again, known)


def test_what_is_known_is_not_told_again(repeating, told, again) -> None:
    for payload in told.payloads:
        repeating.publish(payload)

    assert again.payloads == []


@pytest.mark.parametrize(
    "payload",
    [
        result(1, 0.25),
        result(0, 0.25, "train"),
        checkpoint(CheckpointSaved, 1),
        checkpoint(CheckpointSaved, 0, batch=9),
        checkpoint(CheckpointDeleted, 0, batch=9),
        progress(1, 5),
        progress(1, 0, "val"),
        progress(2, 0),
        JobStatus(grid_search_id=RUN_ID, experiment_id=EXPERIMENT_ID, job_id="0", status="RUNNING"),
    ],
)
def test_what_is_new_or_has_no_position_is_told(repeating, again, payload: Payload) -> None:
    repeating.publish(payload)

    assert again.payloads == [payload]


@pytest.mark.parametrize("payload", [progress(0, 2), progress(0, 7, "test"), progress(1, 3)])
def test_progress_up_to_where_it_was_told_is_not_told_again(repeating, again, payload: Payload) -> None:
    repeating.publish(payload)

    assert again.payloads == []


@pytest.mark.parametrize(
    ("payload", "key"),
    [
        (result(0, 0.5), "evaluation_result/0/val"),
        (result(0, 0.5, "test"), "evaluation_result/0/test"),
        (result(0, nan), "evaluation_result/0/val"),
        (checkpoint(CheckpointSaved, 0, "cd"), "checkpoint_saved/0/9"),
        (checkpoint(CheckpointDeleted, 0, "cd"), "checkpoint_deleted/0/9"),
    ],
)
def test_other_content_is_a_divergence(repeating, again, payload: Payload, key: str) -> None:
    repeating.publish(payload)

    [divergence] = again.payloads
    assert isinstance(divergence, Divergence)
    assert divergence.key == key
    assert divergence.stored != divergence.repeated
    assert (divergence.grid_search_id, divergence.experiment_id) == (RUN_ID, EXPERIMENT_ID)
