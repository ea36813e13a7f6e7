"""A loss that comes in gradually: its weight grows with the steps of training.

Owns the weight as a function of the step, so that nothing of it has to be kept. Who counts steps, the trainer knows.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import PositiveInt
from torch import Tensor, nn

from mlgym_core.components.losses.protocols import Loss
from mlgym_core.components.losses.running import RunningLoss, running_loss
from mlgym_core.registry import Nested, register


@register("loss", "warm_up")
class WarmUp(nn.Module):
    """A loss whose weight in training grows in equal parts from `start` to 1; evaluation sees it in full.

    Args:
        loss: The loss that is weighted.
        steps: After so many steps the weight is 1.
        start: The weight of the first step.
    """

    def __init__(self, loss: Annotated[Loss, Nested("loss")], steps: PositiveInt, start: float = 0.0) -> None:
        super().__init__()
        self.loss = loss
        self.step: int | None = None
        """The step that is trained; None outside of training."""
        self._steps = steps
        self._start = start

    @property
    def weight(self) -> float:
        """What the loss counts at the step that it was told, 1 outside of training."""
        if self.step is None:
            return 1.0
        return self._start + (1.0 - self._start) * min(1.0, self.step / self._steps)

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of outputs [N, ...] and targets, weighted while it is trained."""
        loss: Tensor = self.loss(outputs, targets)
        return loss * self.weight

    def running(self) -> RunningLoss:
        """Its sum over the batches of a split, in full."""
        return running_loss(self.loss)


def warm_ups(loss: Loss) -> list[WarmUp]:
    """Those in a loss, which is perhaps one itself, or a sum that has some."""
    return [each for each in loss.modules() if isinstance(each, WarmUp)] if isinstance(loss, nn.Module) else []
