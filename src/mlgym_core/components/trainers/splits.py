"""The split that a trainer trains on, in batches or as whole arrays.

Owns the way from loaders to arrays. It knows no model.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlgym_core.components.data.dataset import class_indices, target_numbers
from mlgym_core.components.data.loaders import Loader
from mlgym_core.errors import BuildError


def training_loader(loaders: Mapping[str, Loader], split: str) -> Loader:
    """The batches of the split to train on.

    Raises:
        BuildError: there is no such split.
    """
    if split not in loaders:
        raise BuildError(
            f"the trainer wants the split '{split}'", code="MG315", hint=f"there are: {', '.join(loaders)}"
        )
    return loaders[split]


def check_batches(loader: Loader, split: str) -> None:
    """Nothing, where there are batches to train on. Raises BuildError where there are none."""
    if loader.num_batches == 0:
        raise BuildError(
            f"drop_last leaves no batch of the split '{split}' to train on",
            code="MG314",
            hint="a smaller batch_size, or drop_last: false",
        )


class WholeSplit:
    """The split that is trained on as arrays, each made when it is first asked for.

    Raises:
        BuildError: there is no such split, or, once they are asked for, its inputs are no tensors.
    """

    def __init__(self, loaders: Mapping[str, Loader], split: str) -> None:
        self.loader = training_loader(loaders, split)
        self._loaders = loaders

    @cached_property
    def arrays(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Inputs [N, F] and targets [N] of every sample once, in the order of the data."""
        task = self.loader.task
        batches = [(rows_of(inputs), target_numbers(targets, task)) for inputs, targets in self.loader.evaluation()]
        inputs, targets = zip(*batches, strict=True)
        return np.concatenate(inputs), np.concatenate(targets)

    @cached_property
    def targets(self) -> NDArray[Any]:
        """Its targets [N]; no sample is read for them where they are known."""
        known = self.loader.known_targets()
        return self.arrays[1] if known is None else target_numbers(known, self.loader.task)

    @cached_property
    def num_classes(self) -> int:
        """One more than the largest class among its targets and those that are known of any split; at least 2."""
        known = (loader.known_targets() for loader in self._loaders.values())
        largest = [int(class_indices(each).max()) for each in known if each is not None and len(each)]
        return max(1, int(self.targets.max()), *largest) + 1


def rows_of(inputs: Any) -> NDArray[Any]:
    """Inputs [N, ...] as rows [N, F].

    Raises:
        BuildError: they are no tensor.
    """
    if not isinstance(inputs, Tensor):
        raise BuildError(f"this trainer takes tensors as inputs, not a {type(inputs).__name__}", code="MG320")
    rows: NDArray[Any] = inputs.reshape(len(inputs), -1).cpu().numpy()
    return rows


def tensor_like(outputs: NDArray[Any], inputs: Tensor) -> Tensor:
    """Outputs as a tensor on the device of the inputs; float32 where that has no float64."""
    single = outputs.astype(np.float32) if inputs.device.type == "mps" and outputs.dtype == np.float64 else outputs
    return torch.from_numpy(np.ascontiguousarray(single)).to(inputs.device)
