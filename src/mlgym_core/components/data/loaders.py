"""Batches: from memory by whole-batch indexing, from anything else through torch's `DataLoader`, in one order.

Owns how samples become batches on a device. Which sample comes when is `order.py`'s; a batch is (inputs, targets).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Protocol, TypeAlias

import torch
from pydantic import PositiveInt
from torch import Tensor
from torch.utils.data import DataLoader as TorchDataLoader

from mlgym_core.components.data.dataset import Dataset, Source, Table, Task, known_targets_of, labels_of, task_of
from mlgym_core.components.data.moving import move
from mlgym_core.components.data.order import Sampling, random_order, weighted_order
from mlgym_core.errors import BuildError
from mlgym_core.registry import Slot, default_registry, register

Batch: TypeAlias = tuple[Any, Any]
"""Inputs as the model takes them and targets as the loss does: tensors, or whatever a collator makes of them."""
Collate: TypeAlias = Callable[[list[Any]], Batch]

_CHUNK_BYTES = 64 * 2**20


class Loader(Protocol):
    """One split as batches, on the device that it was moved to."""

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


class _OrderedLoader:
    """What both kinds of loader share: how many batches there are, and the order of samples in an epoch."""

    def __init__(
        self, source: Source, *, batch_size: int, eval_batch_size: int, sampling: Sampling, drop_last: bool, seed: int
    ) -> None:
        self.num_samples = len(source)
        self._batch_size = batch_size
        self._eval_batch_size = eval_batch_size
        self._sampling = sampling
        self._seed = seed
        self._source = source
        self._num_used = self.num_samples // batch_size * batch_size if drop_last else self.num_samples
        self.num_batches = -(-self._num_used // batch_size)
        self.num_evaluation_batches = -(-self.num_samples // eval_batch_size)
        self._labels = labels_of(source) if sampling == "weighted" else None
        if sampling == "weighted" and self._labels is None:
            raise BuildError("weighted sampling needs classes, but the targets are floats", code="MG314")

    def _order(self, epoch: int) -> Tensor:
        """The indices of the samples of an epoch."""
        if self._labels is not None:
            order = weighted_order(self._labels, self._seed, epoch)
        elif self._sampling == "random":
            order = random_order(self.num_samples, self._seed, epoch)
        else:
            order = torch.arange(self.num_samples)
        return order[: self._num_used]

    def _cut(self, order: Tensor, size: int) -> Sequence[Tensor]:
        return torch.split(order, size) if len(order) else ()  # torch would make one empty part of nothing


class MemoryLoader(_OrderedLoader):
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


class StreamLoader(_OrderedLoader):
    """Batches of any map-style data set, through torch's `DataLoader` and, where one is given, a collator."""

    def __init__(self, source: Source, *, collate: Collate | None, **settings: Any) -> None:
        super().__init__(source, **settings)
        self._collate = collate
        self._device = torch.device("cpu")
        self.task: Task = task_of(source, self.sample(1)[1])

    def to(self, device: torch.device) -> None:
        """Give batches on `device` from now on."""
        self._device = device

    def known_targets(self) -> Tensor | None:
        """The targets [N] of all samples on the CPU, where the source holds them."""
        return known_targets_of(self._source)

    def epoch(self, epoch: int, first_batch: int = 0) -> Iterator[Batch]:
        """The batches of a training epoch from `first_batch` on."""
        return self._batches(self._cut(self._order(epoch)[first_batch * self._batch_size :], self._batch_size))

    def evaluation(self) -> Iterator[Batch]:
        """Every sample once, in the order of the data."""
        return self._batches(torch.split(torch.arange(self.num_samples), self._eval_batch_size))

    def sample(self, num_samples: int) -> Batch:
        """The first samples as one batch."""
        return next(self._batches([torch.arange(min(num_samples, self.num_samples))]))

    def _batches(self, parts: Sequence[Tensor]) -> Iterator[Batch]:
        batches: TorchDataLoader[Any] = TorchDataLoader(
            self._source,  # type: ignore[arg-type]
            batch_sampler=[part.tolist() for part in parts],
            collate_fn=self._collate,
            # DataLoader draws a number at each start; from the global generator it would change the dropout after it.
            generator=torch.Generator(),
        )
        for inputs, targets in batches:
            yield move(inputs, self._device), move(targets, self._device)


@register("loaders", "batches")
def batches(
    splits: Annotated[Mapping[str, Source], Slot("splits")],
    batch_size: PositiveInt,
    seed: int,
    eval_batch_size: PositiveInt = 256,
    sampling: Mapping[str, Sampling] | None = None,
    drop_last: bool = False,
    collate: Annotated[Collate | None, Slot("collator")] = None,
) -> dict[str, Loader]:
    """A loader for each split.

    Args:
        splits: The data of each split by its name.
        batch_size: Samples in a batch of training.
        eval_batch_size: Samples in a batch of evaluation; it changes speed and memory, not scores.
        sampling: The order of samples in training, by split; random where not given.
            With weighted all classes are equally likely.
        drop_last: Leave out a last batch that is smaller than the others, in training.
        collate: A collator that makes a batch (inputs, targets) of a list of samples.

    Raises:
        BuildError: `sampling` names a split that there is not, or that cannot be weighted.
    """
    sampling = sampling or {}
    unknown = [name for name in sampling if name not in splits]
    if unknown:
        raise BuildError(
            f"sampling names the split '{unknown[0]}'", code="MG314", hint=f"there are: {', '.join(splits)}"
        )
    return {
        name: make_loader(
            source,
            collate=collate,
            batch_size=batch_size,
            eval_batch_size=eval_batch_size,
            sampling=sampling.get(name, "random"),
            drop_last=drop_last,
            seed=seed,
        )
        for name, source in splits.items()
    }


def make_loader(source: Source, *, collate: Collate | None = None, **settings: Any) -> Loader:
    """The loader that fits `source`: from memory where it is there and needs no collator.

    Raises:
        BuildError: it is a table with words or gaps.
    """
    if isinstance(source, Table):
        source.refuse()
    if isinstance(source, Dataset) and collate is None:
        return MemoryLoader(source, **settings)
    return StreamLoader(source, collate=collate, **settings)


def _pairs(inputs: Tensor, targets: Tensor, size: int) -> Iterator[Batch]:
    return zip(torch.split(inputs, size), torch.split(targets, size), strict=True)


default_registry.set_default("loaders", "batches")
