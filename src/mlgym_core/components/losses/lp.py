"""The L^p loss: how far outputs are from targets, as the power of a norm of their differences.

Owns the formula alone.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import PositiveFloat
from torch import Tensor, nn

from mlgym_core.components.losses.fitting import like_outputs
from mlgym_core.components.losses.running import RunningLoss, WeightedMean
from mlgym_core.registry import register


@register("loss", "lp")
class LPLoss(nn.Module):
    """The mean over samples of (sum over outputs of |output - target|^exponent)^(1/root), as LPLoss of MLgym 0.0.75.

    Args:
        exponent: The power of each difference; 2 with root 1 is the squared Euclidean distance.
        root: The root of a sample's sum; exponent and root alike give the norm.
        reduction: The mean over samples, or their sum.
        average_outputs: Divide by the number of outputs.
    """

    def __init__(
        self,
        exponent: PositiveFloat = 2.0,
        root: PositiveFloat = 1.0,
        reduction: Literal["mean", "sum"] = "mean",
        average_outputs: bool = False,
    ) -> None:
        super().__init__()
        self.exponent = exponent
        self.root = root
        self.reduction = reduction
        self.average_outputs = average_outputs

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of outputs [N, ...] and as many targets."""
        losses = self.each(outputs, targets)
        return losses.mean() if self.reduction == "mean" else losses.sum()

    def each(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The losses [N] of outputs [N, ...] and as many targets."""
        targets = like_outputs(targets, outputs, type(self).__name__)
        differences = (outputs - targets).reshape(len(outputs), -1)
        if self.root == self.exponent:
            # Its gradient at a difference of 0 is 0, where that of the root of a power is not a number.
            losses: Tensor = torch.linalg.vector_norm(differences, ord=self.exponent, dim=1)
        else:
            losses = differences.abs().pow(self.exponent).sum(1).pow(1 / self.root)
        return losses / differences.shape[1] if self.average_outputs else losses

    def running(self) -> RunningLoss:
        """Its sum over the batches of a split."""
        return _LPSum(self)


class _LPSum:
    def __init__(self, loss: LPLoss) -> None:
        self._loss = loss
        self._mean = WeightedMean()

    def add(self, outputs: Tensor, targets: Tensor) -> None:
        losses = self._loss.each(outputs, targets)
        self._mean.add(losses, len(losses) if self._loss.reduction == "mean" else None)

    def value(self) -> float:
        return self._mean.value()
