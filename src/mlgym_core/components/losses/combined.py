"""Losses made of losses: a weighted sum of several, and one in units of its own size.

Owns the sum and the scale. Whatever a loss inside is, the registry has built.
"""

from __future__ import annotations

from typing import Annotated, Any, cast

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn
from typing_extensions import TypedDict

from mlgym_core.components.losses.protocols import Loss
from mlgym_core.components.losses.running import RunningLoss, running_loss
from mlgym_core.errors import BuildError
from mlgym_core.registry import Nested, register

_TERM = "terms: [{loss: LOSS, weight: NUMBER}, ...], where the weight may be left out"


class Term(TypedDict, total=False):
    """A loss of a sum; its weight is 1 where none is given."""

    loss: Loss
    weight: float


@register("loss", "sum")
class SumOfLosses(nn.Module):
    """The weighted sum of several losses of the same outputs and targets.

    Args:
        terms: The losses, each as {loss: LOSS, weight: NUMBER}; the weight is 1 where not given.
    """

    def __init__(self, terms: Annotated[list[Term], Nested("loss")]) -> None:
        super().__init__()
        for term in terms:
            weight = term.get("weight", 1.0) if isinstance(term, dict) else None
            if isinstance(weight, bool) or not isinstance(weight, int | float) or {"loss"} != term.keys() - {"weight"}:
                raise BuildError("a term of the loss 'sum' is malformed", code="MG371", hint=_TERM)
        if not terms:
            raise BuildError("the loss 'sum' has no terms", code="MG371", hint=_TERM)
        self.terms = nn.ModuleList(_as_module(term["loss"]) for term in terms)
        self.weights = tuple(float(term.get("weight", 1.0)) for term in terms)

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The sum of the losses of outputs [N, ...] and targets."""
        first, *others = (
            loss(outputs, targets) * weight for loss, weight in zip(self.terms, self.weights, strict=True)
        )
        return cast(Tensor, sum(others, start=first))

    def running(self) -> RunningLoss:
        """Its sum over the batches of a split."""
        return _RunningSum(
            [(running_loss(loss), weight) for loss, weight in zip(self.terms, self.weights, strict=True)]
        )


@register("loss", "scaled")
class ScaledLoss(nn.Module):
    """A loss divided by its usual size, so that it weighs as much as others in a sum.

    Args:
        loss: The loss that is scaled.
        by: What it is divided by.
        calibrate: Divide by the mean of the first so many losses that it is trained on instead; until then by the
            mean so far. That mean stands in the state of the loss.
    """

    divisor: Tensor
    num_seen: Tensor

    def __init__(
        self, loss: Annotated[Loss, Nested("loss")], by: PositiveFloat = 1.0, calibrate: PositiveInt | None = None
    ) -> None:
        super().__init__()
        self.loss = _as_module(loss)
        self._calibrate = calibrate or 0
        self.register_buffer("divisor", torch.tensor(by))
        self.register_buffer("num_seen", torch.tensor(0))
        self._is_calibrated = calibrate is None
        self.register_load_state_dict_post_hook(_look_again)  # type: ignore[no-untyped-call]  # by torch

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The scaled loss of outputs [N, ...] and targets."""
        loss: Tensor = self.loss(outputs, targets)
        if not self._is_calibrated and loss.requires_grad:
            self._see(loss.detach())
        return loss / self.divisor

    def running(self) -> RunningLoss:
        """Its sum over the batches of a split."""
        return _RunningSum([(running_loss(self.loss), 1 / float(self.divisor))])

    def _see(self, loss: Tensor) -> None:
        seen = self.divisor * self.num_seen
        self.num_seen = self.num_seen + 1
        self.divisor = (seen + loss) / self.num_seen
        self._look()

    def _look(self) -> None:
        # Asked for while it is calibrated alone: on a GPU it waits for all that went before.
        self._is_calibrated = int(self.num_seen) >= self._calibrate


def _look_again(loss: ScaledLoss, _keys: Any) -> None:
    loss._look()


class _RunningSum:
    def __init__(self, terms: list[tuple[RunningLoss, float]]) -> None:
        self._terms = terms

    def add(self, outputs: Tensor, targets: Tensor) -> None:
        for loss, _ in self._terms:
            loss.add(outputs, targets)

    def value(self) -> float:
        return sum(loss.value() * weight for loss, weight in self._terms)


class _Function(nn.Module):
    """A loss that is a plain function, as a module among others."""

    def __init__(self, loss: Loss) -> None:
        super().__init__()
        self.function = loss

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self.function(outputs, targets)


def _as_module(loss: Loss) -> nn.Module:
    return loss if isinstance(loss, nn.Module) else _Function(loss)
