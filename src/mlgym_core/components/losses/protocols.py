"""What a loss is, and what it says of the model that is trained with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from torch import Tensor, nn

from mlgym_core.components.outputs import Scale

Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Outputs [N, ...] and targets [N, ...] to one number."""


def output_scale(loss: Loss | None) -> Scale:
    """What a model trained with `loss` puts out: probabilities where it, or a loss in it, wants them so."""
    inner = loss.modules() if isinstance(loss, nn.Module) else ()
    return "probabilities" if any(isinstance(each, nn.BCELoss) for each in inner) else "logits"
