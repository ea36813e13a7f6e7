"""Data from tables in files: CSV and Parquet. Owns which column is what."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from mlgym_core.components.data.dataset import Dataset, Task
from mlgym_core.components.data.holdout import TestFraction, hold_out, standardize_inputs
from mlgym_core.components.data.reading import MISFIT, encode_targets, reading
from mlgym_core.errors import BuildError
from mlgym_core.registry import register

if TYPE_CHECKING:
    import pandas as pd


@register("data", "csv")
def csv(
    path: Path,
    target: str,
    features: list[str] | None = None,
    task: Task | None = None,
    test_fraction: TestFraction = 0.2,
    standardize: bool = False,
    delimiter: str = ",",
) -> dict[str, Dataset]:
    """A table in a CSV file, whose first line names the columns, as splits `train` and `test`.

    Args:
        path: The file, relative to the configuration.
        target: The column to predict.
        features: The columns to predict it from; all others where not given.
        task: What the targets are; whole numbers and words are classes where not given, other numbers regression.
        test_fraction: The share of samples in `test`.
        standardize: Shift and scale each feature to mean 0 and deviation 1 on `train`.
        delimiter: What stands between two values.

    Raises:
        BuildError: the file cannot be read, lacks a column, or has a feature with values that are no numbers.
    """
    import pandas as pd  # takes half a second, which only those wait for who read a table

    with reading(path):
        frame = pd.read_csv(path, sep=delimiter)
    splits = hold_out(_dataset(frame, path, target, features, task), test_fraction)
    return standardize_inputs(splits) if standardize else splits


@register("data", "parquet")
def parquet(
    path: Path,
    target: str,
    features: list[str] | None = None,
    task: Task | None = None,
    test_fraction: TestFraction = 0.2,
    standardize: bool = False,
) -> dict[str, Dataset]:
    """A table in a Parquet file, as splits `train` and `test`.

    Args:
        path: The file, relative to the configuration.
        target: The column to predict.
        features: The columns to predict it from; all others where not given.
        task: What the targets are; whole numbers and words are classes where not given, other numbers regression.
        test_fraction: The share of samples in `test`.
        standardize: Shift and scale each feature to mean 0 and deviation 1 on `train`.

    Raises:
        BuildError: as for `csv`.
    """
    import pandas as pd

    with reading(path):
        frame = pd.read_parquet(path)
    splits = hold_out(_dataset(frame, path, target, features, task), test_fraction)
    return standardize_inputs(splits) if standardize else splits


def _dataset(frame: pd.DataFrame, path: Path, target: str, features: list[str] | None, task: Task | None) -> Dataset:
    columns = [str(column) for column in frame.columns]
    frame.columns = columns
    names = [column for column in columns if column != target] if features is None else features
    missing = [name for name in (target, *names) if name not in columns]
    if missing:
        raise BuildError(f"{path} has no column '{missing[0]}'", code=MISFIT, hint=f"it has: {', '.join(columns)}")
    for name in (target, *names):
        num_missing = int(frame[name].isna().sum())
        if num_missing:
            raise BuildError(
                f"column '{name}' of {path} has {num_missing} missing values", code=MISFIT, hint="fill or drop them"
            )
    words = [name for name in names if frame[name].dtype.kind not in "biuf"]
    if words:
        raise BuildError(
            f"column '{words[0]}' of {path} holds values that are no numbers",
            code=MISFIT,
            hint="encode it as numbers, or leave it out of `features`",
        )
    labels = encode_targets(frame[target].to_numpy(), task, name=f"column '{target}' of {path}")
    return Dataset(
        inputs=torch.from_numpy(frame[names].to_numpy(dtype=np.float32, copy=True)),
        targets=labels.values,
        task=labels.task,
        num_classes=labels.num_classes,
        feature_names=tuple(names),
        name=path.stem,
    )
