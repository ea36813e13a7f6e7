"""Samples set aside for testing and features scaled, for data that comes in one piece.

Who is set aside depends on nothing but the data and the fraction, so that experiments with other seeds compare.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, TypeAlias

import torch
from pydantic import Field

from mlgym_core.components.data.dataset import Dataset
from mlgym_core.components.data.splits import split_randomly, split_stratified

TestFraction: TypeAlias = Annotated[float, Field(ge=0, lt=1)]

_SEED = 0


def hold_out(whole: Dataset, test_fraction: float) -> dict[str, Dataset]:
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
    scale = torch.where(deviation == 0, torch.ones_like(deviation), deviation)
    return {
        name: replace(split, inputs=((split.inputs.double() - mean) / scale).float()) for name, split in splits.items()
    }
