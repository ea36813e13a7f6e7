"""Runs that are recorded as a runner records them, for what reads or serves them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlgym_core.events.codec import encode_event
from mlgym_core.events.folder import EventStorage, RunFolder
from mlgym_core.events.log import LogWriter
from mlgym_core.events.types import (
    EvaluationResult,
    ExperimentConfig,
    JobStatus,
    LossScore,
    MetricScore,
    Payload,
    RunEnded,
    RunStarted,
)

RUN_ID = "2026-11-21--10-00-00"


class Recording:
    """A run whose log is held and written here."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.run_id = folder.run_id
        self.writer = LogWriter(folder)

    def publish(self, *payloads: Payload) -> None:
        lines = [encode_event(payload) for payload in payloads]
        self.writer.append("recording", self.writer.last_seq("recording") + 1, lines)
        self.writer.commit()

    def start(self, num_experiments: int = 2) -> None:
        run_id = self.run_id
        self.publish(
            RunStarted(
                grid_search_id=run_id,
                config_hash="c0ffee",
                source={},
                entry_command=["mlgym", "run"],
                num_experiments=num_experiments,
                environment={},
            )
        )
        for number in range(num_experiments):
            config = {"optimizer": {"lr": 0.1 * (number + 1)}, "run": {"epochs": 3}}
            self.publish(
                ExperimentConfig(grid_search_id=run_id, experiment_id=number, job_id=number, config=config),
                self.job(number, "RUNNING"),
            )

    def job(self, experiment_id: int, status: str, error: str | None = None) -> JobStatus:
        return JobStatus(
            grid_search_id=self.run_id,
            experiment_id=experiment_id,
            job_id=f"{self.run_id}-{experiment_id}",
            status=status,  # type: ignore[arg-type]
            error=error,
        )

    def result(self, experiment_id: int, epoch: int, value: float) -> EvaluationResult:
        return EvaluationResult(
            grid_search_id=self.run_id,
            experiment_id=experiment_id,
            epoch=epoch,
            metric_scores=[MetricScore(metric="f1", split="val", score=value)],
            loss_scores=[LossScore(loss="cross_entropy", split="val", score=1 - value)],
        )

    def end(self) -> None:
        self.publish(RunEnded(grid_search_id=self.run_id, reason="finished", counts={}))

    def close(self) -> None:
        self.writer.close()


@pytest.fixture
def storage(tmp_path: Path) -> EventStorage:
    return EventStorage(tmp_path / "event_storage")


@pytest.fixture
def record() -> type[Recording]:
    """Begins a recording of a run."""
    return Recording


@pytest.fixture
def recording(storage: EventStorage) -> Iterator[Recording]:
    """A run that is alive, with two experiments, of which no score is known."""
    recorded = Recording(storage.run(RUN_ID))
    recorded.start()
    yield recorded
    recorded.close()
