"""Batches of anything that is read sample by sample, here or in worker processes.

Owns the passes over it. Which sample comes when is `order`'s, what becomes of it `fetching`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from mlgym_core.components.data.dataset import Source, Task, known_targets_of, task_of
from mlgym_core.components.data.fetching import BatchKey, Collate, Fetcher, Pass, Transform
from mlgym_core.components.data.nests import move
from mlgym_core.components.data.ordered import OrderedLoader
from mlgym_core.components.data.workers import WorkerPool, WorkerSettings


class StreamLoader(OrderedLoader):
    """Batches of any map-style data set, with transforms and a collator where they are given.

    The same bits come with any number of workers: whatever a sample draws depends on (seed, epoch, index) alone.
    """

    def __init__(
        self,
        source: Source,
        *,
        seed: int,
        collate: Collate | None = None,
        transforms: Sequence[Transform] = (),
        workers: WorkerSettings | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(source, seed=seed, **settings)
        self._fetcher = Fetcher(source=source, seed=seed, collate=collate, transforms=tuple(transforms))
        self._workers = workers
        self._device = torch.device("cpu")
        self.task: Task = task_of(source, self.sample(1)[1])

    def to(self, device: torch.device) -> None:
        """Give batches on `device` from now on."""
        self._device = device

    def known_targets(self) -> Tensor | None:
        """The targets of all samples on the CPU, where the source holds them."""
        return known_targets_of(self.source)

    def epoch(self, epoch: int, first_batch: int = 0) -> Iterator[tuple[Any, Any]]:
        """The batches of a training epoch from `first_batch` on; those before it are not read."""
        parts = self._cut(self._order(epoch), self._batch_size)
        return self._batches(Pass(epoch=epoch, parts=parts, first=first_batch))

    def evaluation(self) -> Iterator[tuple[Any, Any]]:
        """Every sample once, in the order of the data."""
        return self._batches(Pass(epoch=None, parts=self._cut(torch.arange(self.num_samples), self._eval_batch_size)))

    def sample(self, num_samples: int) -> tuple[Any, Any]:
        """The first samples as one batch."""
        indices = list(range(min(num_samples, self.num_samples)))
        inputs, targets = self._fetcher[BatchKey(epoch=None, number=0, indices=indices)]
        return move(inputs, self._device), move(targets, self._device)

    def _batches(self, keys: Pass) -> Iterator[tuple[Any, Any]]:
        pool = self._pool
        batches = (self._fetcher[key] for key in keys) if pool is None else pool.fetch(keys)
        for inputs, targets in batches:
            yield move(inputs, self._device), move(targets, self._device)

    @cached_property
    def _pool(self) -> WorkerPool | None:
        return None if self._workers is None else WorkerPool(self._fetcher, self._workers)
