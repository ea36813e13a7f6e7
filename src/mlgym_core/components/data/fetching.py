"""One batch of a source that is read sample by sample: a pure function of (seed, epoch, indices).

Owns what samples go through on their way into a batch: transforms and a collator, with chance that depends on nothing
but the sample. It knows no order, no process and no device; a worker process fetches as this one does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from torch import Tensor
from torch.utils.data import default_collate

from mlgym_core.components.data.chance import chance_kept, seed_chance
from mlgym_core.components.data.dataset import Dataset, Source
from mlgym_core.components.data.order import derive_seed

Collate: TypeAlias = Callable[[list[Any]], Any]
"""A list of samples to a batch (inputs, targets)."""
Transform: TypeAlias = Callable[[Any], Any]
"""The input of one sample to what training sees of it; it draws from the global generators as it likes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchKey:
    """Which batch: its samples, its number in the pass, and the epoch; None for an evaluation."""

    epoch: int | None
    number: int
    indices: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """The batches of a pass from `first` on, whose samples are `parts`, as keys made when they are asked for."""

    epoch: int | None
    parts: Sequence[Tensor]
    first: int = 0

    def __iter__(self) -> Iterator[BatchKey]:
        for number in range(self.first, len(self.parts)):
            yield BatchKey(epoch=self.epoch, number=number, indices=self.parts[number].tolist())


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetcher:
    """Makes batches. Transforms are for training alone."""

    source: Source
    seed: int
    collate: Collate | None = None
    transforms: Sequence[Transform] = ()

    def __getitem__(self, key: BatchKey) -> Any:
        """The batch (inputs, targets) of `key`; the global random generators are left as they were."""
        collate = self.collate or default_collate
        with chance_kept():
            samples = [self._sample(key.epoch, index) for index in key.indices]
            seed_chance(derive_seed("batch", self.seed, _word(key.epoch), key.number))
            return collate(samples)

    def _sample(self, epoch: int | None, index: int) -> Any:
        transforms = () if epoch is None else self.transforms
        if transforms or not isinstance(self.source, Dataset):  # whose samples hold no chance
            seed_chance(derive_seed("sample", self.seed, _word(epoch), index))
        sample = self.source[index]
        if not transforms:
            return sample
        inputs, *rest = sample
        for transform in transforms:
            inputs = transform(inputs)
        return (inputs, *rest)


def _word(epoch: int | None) -> int | str:
    return "evaluation" if epoch is None else epoch
