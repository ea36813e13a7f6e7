"""What tests of several rooms begin with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from mlgym_core.events.types import AttemptStarted


@pytest.fixture(scope="session")
def attempt_started() -> Callable[..., AttemptStarted]:
    """The fact that an attempt of an experiment begins."""

    def make(experiment_id: int = 0, attempt: int = 1, run_id: str = "r") -> AttemptStarted:
        return AttemptStarted(
            grid_search_id=run_id,
            experiment_id=experiment_id,
            attempt=attempt,
            device="cpu",
            host="here",
            pid=1,
            threads=1,
            versions={},
        )

    return make


@pytest.fixture(scope="session")
def iris_config() -> Mapping[str, Any]:
    """A small pipeline with dropout, to be copied and changed."""
    return {
        "run": {"epochs": 3, "seed": 1},
        "data": "iris",
        "splits": {"use": "stratified", "source": "$data.train", "fractions": {"train": 0.7, "val": 0.3}},
        "loaders": {"splits": {"train": "$splits.train", "val": "$splits.val", "test": "$data.test"}, "batch_size": 8},
        "model": {"use": "mlp", "sizes": [4, 8, 3], "dropout": 0.2},
        "optimizer": {"use": "adam", "lr": 0.05},
        "loss": "cross_entropy",
        "metrics": ["accuracy", {"use": "f1", "average": "macro"}],
    }
