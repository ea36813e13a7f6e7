"""What the tests of events share: a run's folder and facts to publish."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mlgym_core.events.folder import EventStorage, RunFolder
from mlgym_core.events.types import EvaluationResult, ExperimentStatus, LossScore, MetricScore, Payload

RUN_ID = "2026-01-02--03-04-05"


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return EventStorage(tmp_path / "event_storage").run(RUN_ID)


@pytest.fixture(scope="session")
def progress() -> Callable[..., Payload]:
    def make(batch: int, experiment_id: int = 0) -> Payload:
        return ExperimentStatus(
            grid_search_id=RUN_ID,
            experiment_id=experiment_id,
            status="train",
            num_epochs=5,
            current_epoch=0,
            splits=["train", "val"],
            current_split="train",
            num_batches=100,
            current_batch=batch,
        )

    return make


@pytest.fixture(scope="session")
def result() -> Callable[..., EvaluationResult]:
    def make(f1: float | None, loss: float | None, epoch: int = 0, experiment_id: int = 0) -> EvaluationResult:
        return EvaluationResult(
            grid_search_id=RUN_ID,
            experiment_id=experiment_id,
            epoch=epoch,
            metric_scores=[MetricScore(metric="f1", split="val", score=f1)],
            loss_scores=[LossScore(loss="cross_entropy", split="val", score=loss)],
        )

    return make
