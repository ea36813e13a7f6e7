"""Training on data that draw by chance goes on to the same bits, whoever fetches them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mlgym_core.events.types import EvaluationResult
from mlgym_core.execution import forkserver

from .stories import EACH_STEP, Countdown


@pytest.fixture
def augmented(iris) -> dict[str, Any]:
    """Epochs of three batches: features of ones own, noise on what training sees, one-hot targets, dropout."""
    iris["run"]["epochs"] = 2
    iris["data"] = {"use": "iris", "standardize": False}
    iris["features"] = {"splits": "$splits", "columns": [2, 3], "steps": ["standard_scaler"]}
    iris["rows"] = {"kind": "splits", "use": "one_hot", "splits": "$features"}
    iris["loaders"] = {
        "splits": "$rows",
        "batch_size": 30,
        "sampling": {"train": [1.0, 2.0, 1.0]},
        "transforms": [{"use": "gaussian_noise", "deviation": 0.1}, {"use": "feature_dropout", "chance": 0.1}],
    }
    iris["model"]["sizes"] = [2, 8, 3]
    return iris


@pytest.fixture
def server() -> Iterator[None]:
    """The forkserver that a run starts."""
    forkserver.start()
    yield
    forkserver.stop()


def test_training_on_augmented_data_goes_on_from_any_batch(begin, augmented) -> None:
    whole, countdown = begin(augmented), Countdown()
    assert whole.attempt(batches=countdown) is not None
    assert countdown.num_asked == 6

    for at in range(1, countdown.num_asked + 1):
        story = begin(augmented, EACH_STEP)
        assert story.attempt(batches=Countdown(at)) is None
        assert story.attempt() is not None
        assert story.facts == whole.facts, at
        assert story.weights == whole.weights, at


@pytest.mark.usefixtures("server")
def test_worker_processes_change_nothing_of_it(begin, augmented) -> None:
    whole = begin(augmented)
    whole.attempt()
    augmented["loaders"]["num_workers"] = 2

    story = begin(augmented, EACH_STEP)
    assert story.attempt(batches=Countdown(5)) is None
    assert story.attempt() is not None

    assert story.weights == whole.weights
    assert story.told.of(EvaluationResult) == whole.told.of(EvaluationResult)


def test_without_transforms_other_weights_come_out(begin, augmented) -> None:
    whole, plain = (begin(augmented) for _ in range(2))
    whole.attempt()
    augmented["loaders"]["transforms"] = []
    plain.attempt()

    assert plain.weights != whole.weights
