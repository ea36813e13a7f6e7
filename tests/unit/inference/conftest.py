"""Runs that were trained in this process, each once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mlgym_core
from mlgym_core.events.folder import RunFolder

IRIS: dict[str, Any] = {
    "run": {"epochs": 5, "seed": 1},
    "data": "iris",
    "splits": {"use": "stratified", "source": "$data.train", "fractions": {"train": 0.7, "val": 0.3}},
    "loaders": {"splits": {"train": "$splits.train", "val": "$splits.val", "test": "$data.test"}, "batch_size": 8},
    "model": {"use": "mlp", "sizes": [4, 8, 3], "dropout": 0.2},
    "optimizer": {"use": "adam", "lr": 0.05},
    "loss": "cross_entropy",
    "metrics": ["accuracy", {"use": "f1", "average": "macro"}],
    "checkpointing": "every_epoch",
}


@pytest.fixture(scope="session")
def train(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., RunFolder]:
    """Trains iris with changes to its configuration; a slot that is None is left out."""

    def train(**changes: Any) -> RunFolder:
        config = {slot: value for slot, value in (IRIS | changes).items() if value is not None}
        storage: Path = tmp_path_factory.mktemp("storage")
        result = mlgym_core.run(
            config, executor="main_process", event_storage=storage, progress=False, system_metrics_every=0
        )
        assert result.status == "finished", result.state.experiments[0].stacktrace
        return RunFolder(result.folder)

    return train


@pytest.fixture(scope="session")
def iris(train: Callable[..., RunFolder]) -> RunFolder:
    """Five epochs of a torch model, each with its checkpoint."""
    return train()
