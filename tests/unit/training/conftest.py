"""Pipelines as a worker builds them, trained whole or broken off."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch

import mlgym_core.components  # noqa: F401  fills the registry
from mlgym_core.checkpoints.local import LocalCheckpoints
from mlgym_core.config.nodes import from_plain
from mlgym_core.config.settings import ResumePoints
from mlgym_core.config.spec import ExperimentSpec
from mlgym_core.errors import Place
from mlgym_core.events.folder import EventStorage, RunFolder
from mlgym_core.events.types import EvaluationResult
from mlgym_core.registry import Components, Registry, build, default_registry, resolve
from mlgym_core.training import Outcome, newest_moment, seed_all, train

from .memory import EXPERIMENT_ID, RUN_ID, Memory
from .stories import NEVER, Story


class Trained:
    """What is left of a training."""

    def __init__(self, outcome: Outcome, published: Memory, run: RunFolder) -> None:
        self.outcome = outcome
        self.published = published
        self.run = run
        self.checkpoints = LocalCheckpoints(run)

    def weights(self) -> bytes:
        """The model's file of the last checkpoint."""
        return self.checkpoints.load(EXPERIMENT_ID, self.checkpoints.moments(EXPERIMENT_ID)[-1], "model")

    def epochs(self) -> list[int]:
        """The epochs whose ends have a checkpoint."""
        return self.run.checkpoint_epochs(EXPERIMENT_ID)

    def accuracies(self) -> list[float]:
        """The accuracy on the training data after each epoch."""
        return [
            score.score
            for result in self.published.of(EvaluationResult)
            for score in result.metric_scores
            if score.metric == "accuracy" and score.split == "train"
        ]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def registry() -> Registry:
    """What is built in, and room for a test's own."""
    return default_registry.child()


@pytest.fixture
def iris(iris_config: Mapping[str, Any]) -> dict[str, Any]:
    """A small configuration to change."""
    return deepcopy(dict(iris_config))


@pytest.fixture
def assemble(registry: Registry) -> Callable[[Mapping[str, Any]], Components]:
    """Builds the components of a configuration."""

    def assemble(config: Mapping[str, Any]) -> Components:
        resolved = resolve(from_plain(config, Place(file="test.yml", line=1, column=1)), registry)
        assert not resolved.diagnostics
        return build(resolved.config, registry, seed_all=seed_all, places=resolved.places)

    return assemble


@pytest.fixture
def train_config(assemble, tmp_path: Path) -> Callable[..., Trained]:
    """Trains a configuration; each call has a storage of its own unless it is given one.

    With `known` it goes on from the newest checkpoint there.
    """
    number = 0

    def run(config: Mapping[str, Any], *, storage: RunFolder | None = None, **settings: Any) -> Trained:
        nonlocal number
        number += 1
        components = assemble(config)
        folder = storage or EventStorage(tmp_path / str(number)).run(RUN_ID)
        checkpoints = LocalCheckpoints(folder, "written")
        published = Memory()
        known = settings.get("known")
        outcome = train(
            components,
            spec=ExperimentSpec(experiment_id=EXPERIMENT_ID, config=components.config, config_hash=""),
            run_id=RUN_ID,
            publisher=published,
            checkpoints=checkpoints,
            device="cpu",
            versions={"torch": torch.__version__},
            resume_from=newest_moment(checkpoints, EXPERIMENT_ID, known) if known else None,
            **({"should_stop": lambda: False} | settings),
        )
        return Trained(outcome, published, folder)

    return run


@pytest.fixture
def begin(assemble, tmp_path: Path) -> Callable[..., Story]:
    """A story with a storage of its own."""
    number = 0

    def begin(config: Mapping[str, Any], points: ResumePoints = NEVER) -> Story:
        nonlocal number
        number += 1
        return Story(assemble, tmp_path / str(number), config, points)

    return begin
