"""What a model put out for a whole split, in the forms that metrics want it: labels, probabilities, values.

Owns the reading of raw outputs for each task. It knows no metric.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlgym_core.components.data.dataset import Task
from mlgym_core.errors import BuildError

Form: TypeAlias = Literal["labels", "probabilities", "values"]
Scale: TypeAlias = Literal["logits", "probabilities"]
"""What a model's raw outputs are: probabilities only where its loss wants them so, as `bce` does."""


@dataclass(frozen=True)
class Outputs:
    """Raw outputs [N, C], [N, 1] or [N] with the targets [N] of a split."""

    raw: Tensor
    target: Tensor
    task: Task
    scale: Scale = "logits"

    @cached_property
    def targets(self) -> NDArray[Any]:
        """[N], or as the targets came."""
        return _to_numpy(self.target)

    @cached_property
    def labels(self) -> NDArray[Any]:
        """[N]: the class with the largest output; for one output a sample, whether it is likelier than not.

        Raises:
            BuildError: the task is regression.
        """
        self._need_classes("labels")
        if self._is_single:
            return _to_numpy((self._single > (0.5 if self.scale == "probabilities" else 0.0)).long())
        return _to_numpy(self.raw.argmax(1))

    @cached_property
    def probabilities(self) -> NDArray[Any]:
        """[N, C], each row of sum 1; for a binary task [N], the probability of class 1.

        Raises:
            BuildError: the task is regression.
        """
        self._need_classes("probabilities")
        if self._is_single:
            single = self._single.double()
            return _to_numpy(single if self.scale == "probabilities" else single.sigmoid())
        rows = self.raw.double()
        rows = rows if self.scale == "probabilities" else rows.softmax(1)
        return _to_numpy(rows[:, 1] if self.task == "binary" else rows)

    @cached_property
    def values(self) -> NDArray[Any]:
        """The raw outputs, [N] where there is one a sample."""
        return _to_numpy(self._single if self._is_single else self.raw)

    def form(self, form: Form) -> NDArray[Any]:
        """The outputs in that form."""
        found: NDArray[Any] = getattr(self, form)
        return found

    @property
    def _is_single(self) -> bool:
        return self.raw.ndim == 1 or (self.raw.ndim == 2 and self.raw.shape[1] == 1)

    @property
    def _single(self) -> Tensor:
        return self.raw.reshape(len(self.raw))

    def _need_classes(self, form: str) -> None:
        if self.task == "regression":
            raise BuildError(f"a regression task has no {form}", code="MG330")


def _to_numpy(tensor: Tensor) -> NDArray[Any]:
    tensor = tensor.detach().cpu()
    array: NDArray[Any] = (tensor.float() if tensor.dtype is torch.bfloat16 else tensor).numpy()
    return np.ascontiguousarray(array)
