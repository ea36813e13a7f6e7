"""Samples set aside for testing and features scaled, for data that comes in one piece.

Who is set aside depends on nothing but the data and the fraction, so that experiments with other seeds compare.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, TypeAlias, TypeVar

import torch
from pydantic import Field
from torch import Tensor

from mlgym_core.components.data.dataset import Dataset, Table
from mlgym_core.components.data.splits import split_randomly, split_stratified

TestFraction: TypeAlias = Annotated[float, Field(ge=0, lt=1)]
InMemory = TypeVar("InMemory", Dataset, Table)

_SEED = 0


@dataclass(frozen=True, slots=True, eq=False)
class Standardization:
    """A shift and a scale for each feature."""

    mean: Tensor
    scale: Tensor

    def __call__(self, inputs: Tensor) -> Tensor:
        """Inputs [N, ...] shifted and scaled."""
        return ((inputs.double() - self.mean) / self.scale).float()


def hold_out(whole: InMemory, test_fraction: float) -> dict[str, InMemory]:
    """`whole` as splits `train` and `test`, with the classes in even shares; `train` alone where the fraction is 0."""
    if test_fraction == 0:
        return {"train": whole}
    fractions = {"train": 1 - test_fraction, "test": test_fraction}
    split = split_randomly if whole.task == "regression" else split_stratified
    return {name: whole.subset(indices) for name, indices in split(whole, fractions, _SEED).items()}


def standardize_inputs(splits: dict[str, Dataset]) -> dict[str, Dataset]:
    """The splits with each feature shifted and scaled to mean 0 and deviation 1 on `train`; constant ones are shifted.

    Statistics are those of `train` alone, so that nothing of the other splits leaks into training.
    """
    inputs = splits["train"].inputs.double()
    mean, deviation = inputs.mean(0), inputs.std(0, correction=0)
    step = Standardization(mean, torch.where(deviation == 0, torch.ones_like(deviation), deviation))
    return {
        name: replace(split, inputs=step(split.inputs), encoding=split.raw.then(step)) for name, split in splits.items()
    }
