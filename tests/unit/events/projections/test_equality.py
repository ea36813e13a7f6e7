"""Which logs are equal, and what is said of those that are not."""

from __future__ import annotations

from typing import Any

import pytest

from mlgym_core.events.codec import encode_event
from mlgym_core.events.projections.equality import differences
from mlgym_core.events.types import (
    AttemptStarted,
    CheckpointSaved,
    EvaluationResult,
    ExperimentConfig,
    JobStatus,
    LogLines,
    LossScore,
    Resource,
    RunEnded,
)


class Told:
    """The lines of a log of one experiment."""

    def __init__(self, run_id: str = "first") -> None:
        self._run_id = run_id
        self.lines: list[bytes] = []

    def tell(self, kind: type, **fields: Any) -> Told:
        self.lines.append(encode_event(kind(grid_search_id=self._run_id, **fields)))
        return self

    def attempt(self, number: int, pid: int = 1) -> Told:
        place = {"device": "cpu", "host": "here", "pid": pid, "threads": 1, "versions": {}}
        return self.tell(AttemptStarted, experiment_id=0, attempt=number, **place)

    def configure(self, lr: float = 0.1) -> Told:
        return self.tell(ExperimentConfig, experiment_id=0, job_id=0, config={"optimizer": {"lr": lr}})

    def score(self, epoch: int, loss: float = 0.5) -> Told:
        losses = [LossScore(loss="loss", split="val", score=loss)]
        return self.tell(EvaluationResult, experiment_id=0, epoch=epoch, metric_scores=[], loss_scores=losses)

    def save(self, epoch: int, sha256: str = "ab") -> Told:
        resources = [Resource(name="model.safetensors", size_bytes=3, sha256=sha256)]
        told = {"epoch": epoch, "step": epoch * 3, "weights_sha256": sha256, "kept_as": ["last"]}
        return self.tell(CheckpointSaved, experiment_id=0, resources=resources, **told)

    def end(self, error: str | None = None) -> Told:
        return self.tell(JobStatus, experiment_id=0, job_id=f"{self._run_id}-0", status="DONE", error=error)


def unbroken() -> Told:
    return Told().configure().attempt(1).score(0).save(0).score(1).save(1).end()


def test_a_run_that_was_broken_off_and_resumed_equals_one_that_was_not() -> None:
    resumed = Told("second").configure().attempt(1, pid=5).score(0).save(0)
    resumed.tell(RunEnded, reason="lost", counts={}).attempt(2, pid=6)
    resumed.tell(LogLines, experiment_id=0, stream="stdout", lines=["a word"]).score(1).save(1).end()
    assert differences(unbroken().lines, resumed.lines) == []


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (Told().configure(0.2).score(0), "fact 0 is experiment_config and experiment_config, whose config is"),
        (
            Told().configure().score(0).save(0).score(1, loss=0.25),
            "fact 3 is evaluation_result, epoch 1 and evaluation_result, epoch 1, whose loss_scores is",
        ),
        (Told().configure().score(0).score(0), "fact 2 is checkpoint_saved, epoch 0, step 0 and evaluation_result"),
        (Told().configure().score(0).save(0, sha256="cd"), "whose resources is"),
        (Told().configure().score(0).save(0), "fact 3 is evaluation_result, epoch 1 and nothing"),
        (unbroken().save(1), "fact 5 is nothing and checkpoint_saved, epoch 1, step 3"),
        (unbroken().end(error="it fell over"), "it ended as finished and failed"),
        (Told(), "it ended as finished and nothing"),
    ],
)
def test_what_differs_first_is_named(other: Told, told: str) -> None:
    found = differences(unbroken().lines, other.lines)
    assert any(told in each for each in found), found
    assert all(each.startswith("experiment 0: ") for each in found)


def test_the_order_of_experiments_among_each_other_does_not_count() -> None:
    def line(experiment_id: int) -> bytes:
        return encode_event(
            EvaluationResult(
                grid_search_id="run", experiment_id=experiment_id, epoch=0, metric_scores=[], loss_scores=[]
            )
        )

    assert differences([line(0), line(1)], [line(1), line(0)]) == []
