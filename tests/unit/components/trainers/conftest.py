"""Torch trainers of a small task, made anew as often as a test asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from mlgym_core.components.data.dataset import Dataset
from mlgym_core.components.data.loaders import batches
from mlgym_core.components.trainers.torch_trainer import TorchTrainer

CPU = torch.device("cpu")
DATA = Dataset(
    inputs=torch.randn(30, 4, generator=torch.Generator().manual_seed(0)),
    targets=torch.arange(30) % 3,
    task="multiclass",
    name="noise",
)


class Net(nn.Module):
    """Two named parts, and chance between them."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(4, 8)
        self.normed = nn.BatchNorm1d(8)
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(8, 3))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.head(self.normed(self.encoder(inputs)).relu())


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def make_trainer() -> Callable[..., TorchTrainer]:
    """A prepared trainer of `Net`, whose first weights are those of `seed`; 7 batches of 4 samples and one of 2."""

    def make(
        optimizer: Any = torch.optim.Adam,
        *,
        loss: Any = None,
        model: nn.Module | None = None,
        seed: int = 0,
        **more: Any,
    ) -> TorchTrainer:
        torch.manual_seed(seed)
        loaders = more.pop("loaders", None) or batches({"train": DATA}, 4, 0)
        trainer = TorchTrainer(model or Net(), loss or nn.CrossEntropyLoss(), optimizer, loaders, **more)
        trainer.prepare(CPU)
        return trainer

    return make


def made(trainer: TorchTrainer) -> dict[str, bytes]:
    """The bytes that a trainer goes on from."""
    return {name: bytes(freeze()) for name, freeze in trainer.resources().items()}
