"""Samples, transforms and batches that draw from every random generator, in a module that a process can import."""

import random
import time
from multiprocessing.connection import Connection

import numpy as np
import psutil
import torch
from torch.utils.data import default_collate

from mlgym_core.components.data.streams import StreamLoader
from mlgym_core.components.data.workers import WorkerSettings

SETTINGS = {"batch_size": 4, "eval_batch_size": 8, "sampling": "random", "drop_last": False, "seed": 3}


class Chancy:
    """Eighteen samples; it remembers which of them were read."""

    def __init__(self) -> None:
        self.read: list[int] = []

    def __len__(self) -> int:
        return 18

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        self.read.append(index)
        return torch.tensor([index, random.random(), np.random.rand(), torch.rand(()).item()]), index % 3


def add_noise(inputs: torch.Tensor) -> torch.Tensor:
    return inputs + torch.rand_like(inputs)


def scale_all(samples: list[tuple[torch.Tensor, int]]) -> tuple[torch.Tensor, torch.Tensor]:
    inputs, targets = default_collate(samples)
    return inputs * torch.rand(1), targets


def make_loader(source: Chancy | None = None, *, num_workers: int = 0) -> StreamLoader:
    workers = WorkerSettings(num_workers=num_workers) if num_workers else None
    source = source or Chancy()
    return StreamLoader(source, collate=scale_all, transforms=[add_noise], workers=workers, **SETTINGS)


def fetch_and_tell(pipe: Connection) -> None:
    """Begin an epoch, tell which processes fetch for it, and wait to be killed."""
    batches = make_loader(num_workers=2).epoch(0)
    next(batches)
    pipe.send([each.pid for each in psutil.Process().children(recursive=True)])
    time.sleep(60)
