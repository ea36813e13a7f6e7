"""Batches, from memory by whole-batch indexing; `streams` reads anything else, in the same order.

Owns what a loader is and which one fits. Which sample comes when is the business of `order`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Protocol, TypeAlias

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor

from mlgym_core.components.data.dataset import Dataset, Source, Table, Task, classes_of
from mlgym_core.components.data.fetching import Collate, Transform
from mlgym_core.components.data.order import Sampling
from mlgym_core.components.data.ordered import OrderedLoader
from mlgym_core.components.data.streams import StreamLoader
from mlgym_core.components.data.workers import WorkerSettings
from mlgym_core.errors import BuildError
from mlgym_core.registry import Nested, Slot, default_registry, register

Batch: TypeAlias = tuple[Any, Any]
"""Inputs as the model takes them and targets as the loss does: tensors, or whatever a collator makes of them."""

_CHUNK_BYTES = 64 * 2**20


class Loader(Protocol):
    """One split as batches, on the device that it was moved to."""

    @property
    def source(self) -> Source:
        """What its samples are taken from."""
        ...

    @property
    def num_batches(self) -> int:
        """Batches of a training epoch."""
        ...

    @property
    def num_evaluation_batches(self) -> int:
        """Batches of an evaluation."""
        ...

    @property
    def task(self) -> Task:
        """What its targets are."""
        ...

    def to(self, device: torch.device) -> None:
        """Give batches on `device` from now on."""
        ...

    def known_targets(self) -> Tensor | None:
        """The targets [N] of all samples on the CPU, where no sample has to be read for them."""
        ...

    def epoch(self, epoch: int, first_batch: int = 0) -> Iterator[Batch]:
        """The batches of a training epoch from `first_batch` on: the same for the same seed and epoch."""
        ...

    def evaluation(self) -> Iterator[Batch]:
        """Every sample once, in the order of the data."""
        ...

    def sample(self, num_samples: int) -> Batch:
        """The first samples as one batch."""
        ...


class MemoryLoader(OrderedLoader):
    """Batches of a `Dataset`: gathered many at a time on the device, so that a batch costs no Python per sample."""

    def __init__(self, source: Dataset, **settings: Any) -> None:
        super().__init__(source, **settings)
        self.task: Task = source.task
        self._inputs = source.inputs
        self._targets = source.targets
        bytes_per_batch = max(1, self._inputs[0].nbytes) * self._batch_size
        self._chunk_size = self._batch_size * max(1, _CHUNK_BYTES // bytes_per_batch)

    def to(self, device: torch.device) -> None:
        """Give batches on `device` from now on."""
        self._inputs = self._inputs.to(device)
        self._targets = self._targets.to(device)

    def known_targets(self) -> Tensor:
        """The targets [N] of all samples on the CPU."""
        return self._targets.cpu()

    def epoch(self, epoch: int, first_batch: int = 0) -> Iterator[Batch]:
        """The batches of a training epoch from `first_batch` on."""
        order = self._order(epoch)[first_batch * self._batch_size :].to(self._inputs.device)
        for chunk in self._cut(order, self._chunk_size):
            inputs, targets = self._inputs.index_select(0, chunk), self._targets.index_select(0, chunk)
            yield from _pairs(inputs, targets, self._batch_size)

    def evaluation(self) -> Iterator[Batch]:
        """Every sample once, in the order of the data."""
        return _pairs(self._inputs, self._targets, self._eval_batch_size)

    def sample(self, num_samples: int) -> Batch:
        """The first samples as one batch."""
        return self._inputs[:num_samples], self._targets[:num_samples]


@register("loaders", "batches")
def batches(
    splits: Annotated[Mapping[str, Source], Slot("splits")],
    batch_size: PositiveInt = 32,
    seed: int = 0,
    eval_batch_size: PositiveInt = 256,
    sampling: Mapping[str, Sampling] | None = None,
    drop_last: bool = False,
    transforms: Annotated[list[Any], Nested("transform")] | None = None,
    collate: Annotated[Collate | None, Slot("collator")] = None,
    num_workers: NonNegativeInt = 0,
    prefetch_factor: PositiveInt = 2,
    persistent_workers: bool = True,
    pin_memory: bool = False,
) -> dict[str, Loader]:
    """A loader for each split.

    Args:
        splits: The data of each split by its name.
        batch_size: Samples in a batch of training.
        eval_batch_size: Samples in a batch of evaluation; it changes speed and memory, not scores.
        sampling: The order of samples in training, by split; random where not given.
            With weighted all classes are equally likely; a list says how likely each class is, in their order.
        drop_last: Leave out a last batch that is smaller than the others, in training.
        transforms: What happens to each input in training, one after the other; chance is that of seed, epoch, sample.
        collate: A collator that makes a batch (inputs, targets) of a list of samples.
        num_workers: Processes that make batches ahead, where samples are read one by one: the same bits with any.
        prefetch_factor: Batches that each of them keeps ready.
        persistent_workers: Keep them from one pass to the next; without that they are started for each.
        pin_memory: Lay batches where a GPU of CUDA copies faster from.

    Raises:
        BuildError: `sampling` names a split that there is not, or that cannot be weighted.
    """
    sampling = sampling or {}
    unknown = [name for name in sampling if name not in splits]
    if unknown:
        raise BuildError(
            f"sampling names the split '{unknown[0]}'", code="MG314", hint=f"there are: {', '.join(splits)}"
        )
    workers = WorkerSettings(
        num_workers=num_workers, prefetch_factor=prefetch_factor, persistent=persistent_workers, pin_memory=pin_memory
    )
    return {
        name: make_loader(
            source,
            collate=collate,
            transforms=transforms or (),
            workers=workers if num_workers else None,
            batch_size=batch_size,
            eval_batch_size=eval_batch_size,
            sampling=sampling.get(name, "random"),
            drop_last=drop_last,
            seed=seed,
        )
        for name, source in splits.items()
    }


def make_loader(
    source: Source,
    *,
    collate: Collate | None = None,
    transforms: Sequence[Transform] = (),
    workers: WorkerSettings | None = None,
    **settings: Any,
) -> Loader:
    """The loader that fits `source`: from memory where it is there and no sample is touched on its way.

    Raises:
        BuildError: it is a table with words or gaps.
    """
    if isinstance(source, Table):
        source.refuse()
    if isinstance(source, Dataset) and collate is None and not transforms:
        return MemoryLoader(source, **settings)
    return StreamLoader(source, collate=collate, transforms=transforms, workers=workers, **settings)


def label_counts(loader: Loader) -> dict[str, int] | None:
    """How many samples each class has, by the name of the class; None where that is not known without reading them."""
    targets = loader.known_targets()
    labels = None if targets is None else classes_of(targets, loader.task)
    if labels is None:
        return None
    counts = torch.bincount(labels[labels >= 0]).tolist()  # losses ignore a class below 0
    names = getattr(loader.source, "class_names", ())
    return {names[label] if label < len(names) else str(label): count for label, count in enumerate(counts) if count}


def _pairs(inputs: Tensor, targets: Tensor, size: int) -> Iterator[Batch]:
    return zip(torch.split(inputs, size), torch.split(targets, size), strict=True)


default_registry.set_default("loaders", "batches")
