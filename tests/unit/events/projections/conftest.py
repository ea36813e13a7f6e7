"""Facts of one run, short to write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from mlgym_core.events.projections.run_fold import RunFold
from mlgym_core.events.types import (
    EVENT_TYPES,
    AttemptStarted,
    CheckpointDeleted,
    CheckpointSaved,
    ControlAnswered,
    EvaluationResult,
    Event,
    ExperimentConfig,
    ExperimentStatus,
    JobStatus,
    LossScore,
    MetricScore,
    Payload,
    Resource,
    RunEnded,
    RunStarted,
    SystemMetrics,
)

RUN_ID = "2026-01-02--03-04-05"

Scores: TypeAlias = dict[str, float | None]


class Story:
    """Tells a fold facts, one a second from second 1 on."""

    def __init__(self) -> None:
        self.fold = RunFold()
        self.second = 0

    def tell(self, kind: type[Payload], **fields: Any) -> frozenset[int]:
        self.second += 1
        event = Event(
            event_type=EVENT_TYPES[kind],
            creation_ts=self.second * 1_000_000,
            payload=kind(grid_search_id=RUN_ID, **fields),
        )
        return self.fold.apply(event, 0)

    def start_run(self, num_experiments: int = 1, **fields: Any) -> frozenset[int]:
        given = {
            "config_hash": "c0ffee",
            "source": {"gs_config.yml": "ab"},
            "entry_command": ["mlgym", "run", "a b.yml"],
            "environment": {"python": "3.11.7"},
        }
        return self.tell(RunStarted, num_experiments=num_experiments, **{**given, **fields})

    def end_run(self, reason: str) -> frozenset[int]:
        return self.tell(RunEnded, reason=reason, counts={})

    def configure(self, experiment_id: int = 0, **config: Any) -> frozenset[int]:
        return self.tell(ExperimentConfig, experiment_id=experiment_id, job_id=experiment_id, config=config)

    def attempt(self, experiment_id: int = 0, attempt: int = 1) -> frozenset[int]:
        return self.tell(
            AttemptStarted,
            experiment_id=experiment_id,
            attempt=attempt,
            device="cpu",
            host="here",
            pid=7,
            threads=1,
            versions={"torch": "2.13.0"},
        )

    def job(self, status: str, experiment_id: int = 0, **fields: Any) -> frozenset[int]:
        return self.tell(JobStatus, experiment_id=experiment_id, job_id=f"{RUN_ID}-0", status=status, **fields)

    def progress(self, experiment_id: int = 0, **fields: Any) -> frozenset[int]:
        given = {"num_epochs": 5, "current_epoch": 1, "current_split": "train", "num_batches": 9, "current_batch": 4}
        return self.tell(
            ExperimentStatus, experiment_id=experiment_id, status="train", splits=["train"], **{**given, **fields}
        )

    def score(
        self, epoch: int, metrics: Scores, losses: Scores | None = None, experiment_id: int = 0, split: str = "val"
    ) -> frozenset[int]:
        return self.tell(
            EvaluationResult,
            experiment_id=experiment_id,
            epoch=epoch,
            metric_scores=[MetricScore(metric=name, split=split, score=score) for name, score in metrics.items()],
            loss_scores=[LossScore(loss=name, split=split, score=score) for name, score in (losses or {}).items()],
        )

    def save(self, epoch: int, kind: type[Payload] = CheckpointSaved, experiment_id: int = 0) -> frozenset[int]:
        return self.tell(
            kind,
            experiment_id=experiment_id,
            epoch=epoch,
            step=epoch * 10,
            resources=[Resource(name="model.safetensors", size_bytes=3, sha256="ab")],
            weights_sha256=f"weights {epoch}",
            kept_as=["last"],
        )

    def delete(self, epoch: int) -> frozenset[int]:
        return self.save(epoch, kind=CheckpointDeleted)

    def sample(self, **fields: Any) -> frozenset[int]:
        given = {"cpu_percent": 50.0, "rss_bytes": 5, "memory_used_bytes": 3, "memory_total_bytes": 9}
        return self.tell(SystemMetrics, host="here", **{**given, **fields})

    def answer_stop(self, experiment_id: int | None, obeyed: bool = True) -> frozenset[int]:
        return self.tell(
            ControlAnswered, experiment_id=experiment_id, action="stop", by="user", request="1", obeyed=obeyed
        )


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture(scope="session")
def tell_story() -> Callable[[], Story]:
    return Story
