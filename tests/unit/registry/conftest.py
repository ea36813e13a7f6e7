"""A registry of its own with a few small components, so that no test touches the one that everybody shares."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import PositiveInt

from mlgym_core.registry import Nested, Registry, Slot


class Module:
    """What models and losses are."""


class Net(Module):
    """A net of layers.

    Args:
        channels: of both convolutions
        hidden: units of the last layer but one
    """

    def __init__(self, channels: tuple[PositiveInt, PositiveInt], hidden: PositiveInt = 128) -> None:
        self.channels = channels
        self.hidden = hidden
        self.weight = random.random()


class Loss(Module):
    """A loss."""

    def __init__(self, weight: float | None = None) -> None:
        self.weight = weight


class Score:
    """A score that is told its name."""

    def __init__(self, average: Literal["macro", "micro"] = "macro", *, name: str) -> None:
        self.average = average
        self.name = name


class Trainer:
    """Takes everything from slots."""

    def __init__(
        self,
        model: Annotated[Module, Slot("model")],
        loss: Annotated[Module, Slot("loss")],
        metrics: Annotated[dict[str, Score] | None, Slot("metrics", by_name=True)] = None,
        early_stopping: Annotated[Any, Slot("early_stopping")] = None,
        extra: Annotated[list[Module], Nested("loss")] = (),  # type: ignore[assignment]
    ) -> None:
        self.model = model
        self.loss = loss
        self.metrics = metrics
        self.early_stopping = early_stopping
        self.extra = extra


def digits(fraction: float = 0.2, path: Path | None = None) -> dict[str, Any]:
    return {"train": [1, 2, 3], "test": [4], "path": path}


def halves(source: list[int], fractions: dict[str, float], seed: int) -> dict[str, Any]:
    return {name: (source, fraction, seed) for name, fraction in fractions.items()}


def batches(splits: dict[str, Any], batch_size: PositiveInt = 32) -> dict[str, Any]:
    return {"splits": splits, "batch_size": batch_size}


@pytest.fixture(scope="module")
def samples() -> Registry:
    """The components above; not to be changed."""
    registry = Registry()
    registry.register("data", "digits")(digits)
    registry.register("splits", "halves")(halves)
    registry.register("loaders", "batches")(batches)
    registry.register("model", "net")(Net)
    registry.register("loss", "loss")(Loss)
    registry.register("metric", "score")(Score)
    registry.register("metric", "error", goal="min")(Score)
    registry.register("trainer", "trainer")(Trainer)
    registry.set_default("loaders", "batches")
    registry.set_default("trainer", "trainer")
    return registry


@pytest.fixture
def registry(samples: Registry) -> Registry:
    """The components above and room for a test's own."""
    return samples.child()
