"""Steps from a model's raw outputs to what a metric is given: soft max, arg max, sigmoid and the like.

Owns the steps, each a function of outputs [N, ...]. Which metric takes which, the configuration says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from mlgym_core.components.outputs import in_double, smallest_integer
from mlgym_core.registry import register


@register("post_processor", "softmax")
@dataclass(frozen=True, slots=True)
class SoftMax:
    """Rows [N, C] of sum 1."""

    def __call__(self, outputs: Tensor) -> Tensor:
        """The rows."""
        return in_double(outputs).softmax(1)


@register("post_processor", "sigmoid")
@dataclass(frozen=True, slots=True)
class Sigmoid:
    """Each output on its own in 0..1."""

    def __call__(self, outputs: Tensor) -> Tensor:
        """The outputs, [N] where there is one a sample."""
        return in_double(_flat(outputs)).sigmoid()


@register("post_processor", "argmax")
@dataclass(frozen=True, slots=True)
class ArgMax:
    """The index [N] of the largest output of each sample."""

    def __call__(self, outputs: Tensor) -> Tensor:
        """The indices."""
        return outputs.argmax(1).to(smallest_integer(outputs.shape[1]))


@register("post_processor", "min_or_max")
@dataclass(frozen=True, slots=True)
class MinOrMax:
    """The smallest or the largest output [N] of each sample.

    Args:
        which: Which of them.
    """

    which: Literal["min", "max"]

    def __call__(self, outputs: Tensor) -> Tensor:
        """The chosen outputs."""
        return outputs.amin(1) if self.which == "min" else outputs.amax(1)


@register("post_processor", "binarization")
@dataclass(frozen=True, slots=True)
class Binarization:
    """1 for each output above a threshold, else 0.

    Args:
        threshold: What an output must exceed.
    """

    threshold: float = 0.5

    def __call__(self, outputs: Tensor) -> Tensor:
        """Zeros and ones, [N] where there is one output a sample."""
        return (_flat(outputs) > self.threshold).to(torch.uint8)


def _flat(outputs: Tensor) -> Tensor:
    """[N] where there is one output a sample."""
    return outputs.reshape(len(outputs)) if outputs.ndim == 2 and outputs.shape[1] == 1 else outputs
