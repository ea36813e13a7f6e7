"""Runs that were trained in this process, each once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import mlgym_core
from mlgym_core.events.folder import RunFolder


@pytest.fixture(scope="session")
def train(iris_config: Mapping[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., RunFolder]:
    """Trains iris with changes to its configuration; a slot that is None is left out."""

    def train(**changes: Any) -> RunFolder:
        slots = {**iris_config, "run": {"epochs": 5, "seed": 1}, "checkpointing": "every_epoch", **changes}
        config = {slot: value for slot, value in slots.items() if value is not None}
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
