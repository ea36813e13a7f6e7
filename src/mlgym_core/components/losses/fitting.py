"""Targets in the form that a loss of `torch.nn` expects.

Owns the fitting. Which loss expects what, `torch_losses.py` knows.
"""

from __future__ import annotations

from torch import Tensor, nn
from typing_extensions import override

from mlgym_core.components.data.dataset import class_indices
from mlgym_core.errors import BuildError

BATCH_MEAN = "batchmean"
"""The reduction of a loss that is summed over the outputs of a sample, and its mean over samples taken."""


class FittedLoss(nn.Module):
    """A loss around another one, for which it prepares targets."""

    def __init__(self, loss: nn.Module, reduction: str = "mean") -> None:
        super().__init__()
        self.loss = loss
        self.reduction = reduction

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of outputs [N, ...] and targets."""
        loss: Tensor = self.loss(outputs, self.fit(outputs, targets))
        return loss / len(outputs) if self.reduction == BATCH_MEAN else loss

    def fit(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The targets as the inner loss takes them.

        Raises:
            BuildError: they do not fit the outputs.
        """
        raise NotImplementedError


class TargetsLikeOutputs(FittedLoss):
    """A loss whose targets are given the type and shape of the outputs.

    Without that torch would compare [N, 1] with [N] as [N, N], and refuse classes as targets of a binary loss.
    """

    @override
    def fit(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return like_outputs(targets, outputs, type(self.loss).__name__)


class TargetsAsClasses(FittedLoss):
    """A loss whose targets are whole numbers [N], also where they come as one-hot rows [N, C]."""

    @override
    def fit(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return class_indices(targets)


def like_outputs(targets: Tensor, outputs: Tensor, name: str) -> Tensor:
    """The targets in the type and shape of outputs.

    Raises:
        BuildError: they are not as many; `name` is the loss that compares them.
    """
    if outputs.numel() != targets.numel():
        raise BuildError(
            f"{name} compares numbers one by one, but the outputs have the shape "
            f"{list(outputs.shape)} and the targets {list(targets.shape)}",
            code="MG321",
        )
    return targets.to(outputs.dtype).view_as(outputs)
