"""What the tests of events share: a run's folder and facts to publish."""

from __future__ import annotations

import contextlib
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from mlgym_core.events.codec import encode_event
from mlgym_core.events.folder import EventStorage, RunFolder
from mlgym_core.events.log import LogWriter
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


@pytest.fixture
def lines(progress: Callable[..., Payload]) -> list[bytes]:
    """Six events as a spool has them."""
    return [encode_event(progress(batch)) for batch in range(6)]


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


@pytest.fixture(scope="session")
def small_files() -> Callable[[int], AbstractContextManager[None]]:
    """Lets files of this process grow to a size only, as a full disk does."""

    # No longer than a test needs it: pytest may be writing to a file too.
    @contextlib.contextmanager
    def limit(size: int) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, handler)

    return limit


@pytest.fixture(scope="session")
def write() -> Callable[[RunFolder, str, list[bytes]], None]:
    def write(run: RunFolder, producer: str, lines: list[bytes]) -> None:
        writer = LogWriter(run)
        writer.append(producer, writer.last_seq(producer) + 1, lines)
        writer.commit()
        writer.close()

    return write


@pytest.fixture(scope="session")
def attempt(attempt_started: Callable[..., Payload]) -> Callable[[int, int], bytes]:
    """The line of an attempt's start."""
    return lambda experiment_id, number: encode_event(attempt_started(experiment_id, number, "run"))
