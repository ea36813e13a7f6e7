"""Models that need no code of a user's own.

Owns their layers alone; anything larger is registered by the user.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, PositiveInt
from torch import nn

from mlgym_core.registry import register

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "elu": nn.ELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


@register("model", "mlp")
class MLP(nn.Sequential):
    """Fully connected layers: features [N, sizes[0]] -> raw outputs [N, sizes[-1]].

    Args:
        sizes: The number of features, of units in each hidden layer, and of outputs.
        activation: What follows each hidden layer.
        dropout: The share of hidden units that training leaves out at each step.
    """

    def __init__(
        self,
        sizes: Annotated[list[PositiveInt], Field(min_length=2)],
        activation: Literal["relu", "gelu", "elu", "silu", "tanh", "sigmoid"] = "relu",
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ) -> None:
        hidden: list[nn.Module] = []
        for num_inputs, num_outputs in pairwise(sizes[:-1]):
            hidden += [nn.Linear(num_inputs, num_outputs), _ACTIVATIONS[activation]()]
            hidden += [nn.Dropout(dropout)] if dropout else []
        super().__init__(*hidden, nn.Linear(sizes[-2], sizes[-1]))
