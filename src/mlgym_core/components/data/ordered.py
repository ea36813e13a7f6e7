"""What every loader shares: how many batches there are, and the order of samples in an epoch.

Owns the way from a sampling strategy to indices. How samples become batches is the business of each loader.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mlgym_core.components.data.dataset import Source, labels_of
from mlgym_core.components.data.order import Sampling, random_order, weighted_order
from mlgym_core.errors import BuildError


class OrderedLoader:
    """The batches of a source as indices."""

    def __init__(
        self, source: Source, *, batch_size: int, eval_batch_size: int, sampling: Sampling, drop_last: bool, seed: int
    ) -> None:
        self.source = source
        self.num_samples = len(source)
        self._batch_size = batch_size
        self._eval_batch_size = eval_batch_size
        self._sampling = sampling
        self._seed = seed
        self._num_used = self.num_samples // batch_size * batch_size if drop_last else self.num_samples
        self.num_batches = -(-self._num_used // batch_size)
        self.num_evaluation_batches = -(-self.num_samples // eval_batch_size)
        self._weights = _weights(source, sampling)

    def _order(self, epoch: int) -> Tensor:
        """The indices of the samples of an epoch."""
        if self._weights is not None:
            order = weighted_order(self._weights, self._seed, epoch)
        elif self._sampling == "random":
            order = random_order(self.num_samples, self._seed, epoch)
        else:
            order = torch.arange(self.num_samples)
        return order[: self._num_used]

    def _cut(self, order: Tensor, size: int) -> Sequence[Tensor]:
        return torch.split(order, size) if len(order) else ()  # torch would make one empty part of nothing


def _weights(source: Source, sampling: Sampling) -> Tensor | None:
    """How likely each sample [N] is drawn, up to a factor; None where all come once."""
    if isinstance(sampling, str) and sampling != "weighted":
        return None
    labels = labels_of(source)
    if labels is None:
        raise BuildError("weighted sampling needs classes, but the targets are floats", code="MG314")
    is_class = labels >= 0  # losses ignore a class below 0
    counts = torch.bincount(labels[is_class]).double()
    wanted = torch.ones_like(counts) if sampling == "weighted" else torch.tensor(sampling, dtype=torch.float64)
    if len(wanted) < len(counts):
        raise BuildError(
            f"sampling has {len(wanted)} weights, but there are {len(counts)} classes",
            code="MG314",
            hint="a weight for each class, in their order",
        )
    weights = torch.zeros(len(labels), dtype=torch.float64)
    weights[is_class] = (wanted[: len(counts)] / counts)[labels[is_class]]
    if not weights.any():
        raise BuildError("sampling gives every class that is there the weight 0", code="MG314")
    return weights
