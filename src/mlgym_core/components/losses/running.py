"""The loss of a whole split from its batches: sums over samples in 64 bits, so that it does not matter how it is cut.

Owns the sums and what they are divided by. A loss that it does not know is given the whole split at once.
"""

from __future__ import annotations

import copy
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

from mlgym_core.components.losses.fitting import BATCH_MEAN, FittedLoss
from mlgym_core.components.losses.protocols import Loss
from mlgym_core.components.outputs import concatenate, in_double, in_single

_OWN_MEAN = (nn.CrossEntropyLoss, nn.NLLLoss)
"""Losses whose mean is over the weights of the samples, without those that they ignore."""


class RunningLoss(Protocol):
    """A loss of a split that goes by in batches."""

    def add(self, outputs: Tensor, targets: Tensor) -> None:
        """Take note of a batch."""
        ...

    def value(self) -> float:
        """The loss of all batches so far, as if they had been one."""
        ...


@runtime_checkable
class Summable(Protocol):
    """A loss that says itself how it is summed over batches."""

    def running(self) -> RunningLoss:
        """A sum without any batch."""
        ...


def running_loss(loss: Loss) -> RunningLoss:
    """The sum that fits the loss, without any batch."""
    if isinstance(loss, Summable):
        return loss.running()
    if isinstance(loss, nn.Module) and _is_known(loss.loss if isinstance(loss, FittedLoss) else loss):
        return _TorchSum(loss)
    return _Whole(loss)


class WeightedMean:
    """A sum in 64 bits over a sum of weights; the sum itself where there are none."""

    def __init__(self) -> None:
        self._sum: Tensor | float = 0.0
        self._weight: Tensor | float | None = None

    def add(self, losses: Tensor, weight: Tensor | float | None) -> None:
        """Take note of losses of any shape, which count `weight` in all."""
        self._sum = self._sum + in_double(losses).sum()
        if weight is not None:
            self._weight = weight if self._weight is None else self._weight + weight

    def value(self) -> float:
        """The mean, not a number where nothing counts."""
        if self._weight is None:
            return float(self._sum)
        weight = float(self._weight)
        return float(self._sum) / weight if weight else float("nan")


class _TorchSum:
    """A loss of `torch.nn`, asked for each sample's share."""

    def __init__(self, loss: nn.Module) -> None:
        self._fitted = loss if isinstance(loss, FittedLoss) else None
        inner: Any = self._fitted.loss if self._fitted else loss
        self._reduction: str = self._fitted.reduction if self._fitted else inner.reduction
        self._loss = copy.copy(inner)
        self._loss.reduction = "none"
        self._mean = WeightedMean()

    def add(self, outputs: Tensor, targets: Tensor) -> None:
        outputs = in_single(outputs)
        targets = self._fitted.fit(outputs, targets) if self._fitted else targets
        losses = self._loss(outputs, targets)
        self._mean.add(losses, self._weight_of(losses, outputs, targets))

    def value(self) -> float:
        return self._mean.value()

    def _weight_of(self, losses: Tensor, outputs: Tensor, targets: Tensor) -> Tensor | float | None:
        if self._reduction == "sum":
            return None
        if self._reduction == BATCH_MEAN:
            return len(outputs)
        if isinstance(self._loss, _OWN_MEAN) and not targets.is_floating_point():
            counts = targets != self._loss.ignore_index
            if self._loss.weight is None:
                return counts.sum()
            return in_double(self._loss.weight[targets.where(counts, 0)] * counts).sum()
        return losses.numel()


class _Whole:
    """A loss of somebody's own, which may be any function: it is given all outputs and targets at once."""

    def __init__(self, loss: Loss) -> None:
        self._loss = loss
        self._outputs: list[Any] = []
        self._targets: list[Any] = []

    def add(self, outputs: Any, targets: Any) -> None:
        self._outputs.append(outputs)
        self._targets.append(targets)

    def value(self) -> float:
        return float(self._loss(concatenate(self._outputs), concatenate(self._targets)))


def _is_known(loss: Any) -> bool:
    return isinstance(loss, nn.modules.loss._Loss) and type(loss).__module__ == nn.modules.loss.__name__
