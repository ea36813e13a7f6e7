"""A model as torch compiles it. Owns that what is compiled does not depend on what was trained before."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

from mlgym_core.errors import BuildError

Compile: TypeAlias = bool | Literal["default", "reduce-overhead"]
"""Whether, and in which mode. Those that choose kernels by the clock are none: another attempt would choose others."""


class CompiledModel:
    """The forward pass of a model, compiled when it is first used; its parameters stay the model's own."""

    def __init__(self, model: nn.Module, mode: Compile) -> None:
        self._title = type(model).__name__
        # Each shape is compiled for itself: one for all shapes would depend on which of them came first.
        self._forward = torch.compile(model, dynamic=False, mode="default" if mode is True else str(mode))

    def __call__(self, inputs: Any) -> Tensor:
        """The outputs of the model. Raises BuildError where it cannot be compiled."""
        try:
            outputs: Tensor = self._forward(inputs)
        except torch._dynamo.exc.TorchDynamoException as error:
            reason = str(error).strip().partition("\n")[0]
            raise BuildError(
                f"model {self._title} cannot be compiled: {reason}",
                code="MG346",
                hint="torch.compile needs a C++ compiler, and triton on a GPU; trainer.compile: false goes without",
            ) from error
        return outputs
