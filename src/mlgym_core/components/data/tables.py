"""Data from tables in files: CSV and Parquet. Owns which column is what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mlgym_core.components.data.dataset import Dataset, Table, Task
from mlgym_core.components.data.encoding import plain_columns
from mlgym_core.components.data.holdout import TestFraction, hold_out, standardize_inputs
from mlgym_core.components.data.reading import MISFIT, encode_targets, reading
from mlgym_core.errors import BuildError
from mlgym_core.registry import register

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class _Columns:
    target: str
    features: list[str] | None
    task: Task | None


@register("data", "csv")
def csv(
    path: Path,
    target: str,
    features: list[str] | None = None,
    task: Task | None = None,
    test_fraction: TestFraction = 0.2,
    standardize: bool = False,
    delimiter: str = ",",
) -> Mapping[str, Dataset | Table]:
    """A table in a CSV file, whose first line names the columns, as splits `train` and `test`.

    Args:
        path: The file, relative to the configuration.
        target: The column to predict.
        features: The columns to predict it from; all others where not given. Words and missing values are for a
            component of the kind `features` to encode.
        task: What the targets are; whole numbers and words are classes where not given, other numbers regression.
        test_fraction: The share of samples in `test`.
        standardize: Shift and scale each feature to mean 0 and deviation 1 on `train`.
        delimiter: What stands between two values.

    Raises:
        BuildError: the file cannot be read, lacks a column, or there are words or gaps to standardize.
    """
    import pandas as pd  # takes half a second, which only those wait for who read a table

    with reading(path):
        frame = pd.read_csv(path, sep=delimiter)
    columns = _Columns(target=target, features=features, task=task)
    return _splits(frame, path, columns, test_fraction=test_fraction, standardize=standardize)


@register("data", "parquet")
def parquet(
    path: Path,
    target: str,
    features: list[str] | None = None,
    task: Task | None = None,
    test_fraction: TestFraction = 0.2,
    standardize: bool = False,
) -> Mapping[str, Dataset | Table]:
    """A table in a Parquet file, as splits `train` and `test`.

    Args:
        path: The file, relative to the configuration.
        target: The column to predict.
        features: The columns to predict it from; all others where not given. Words and missing values are for a
            component of the kind `features` to encode.
        task: What the targets are; whole numbers and words are classes where not given, other numbers regression.
        test_fraction: The share of samples in `test`.
        standardize: Shift and scale each feature to mean 0 and deviation 1 on `train`.

    Raises:
        BuildError: as for `csv`.
    """
    import pandas as pd

    with reading(path):
        frame = pd.read_parquet(path)
    columns = _Columns(target=target, features=features, task=task)
    return _splits(frame, path, columns, test_fraction=test_fraction, standardize=standardize)


def _splits(
    frame: pd.DataFrame, path: Path, columns: _Columns, *, test_fraction: float, standardize: bool
) -> Mapping[str, Dataset | Table]:
    whole = _read(frame, path, columns)
    if isinstance(whole, Dataset):
        splits = hold_out(whole, test_fraction)
        return standardize_inputs(splits) if standardize else splits
    if standardize:
        whole.refuse()
    return hold_out(whole, test_fraction)


def _read(frame: pd.DataFrame, path: Path, wanted: _Columns) -> Dataset | Table:
    columns = [str(column) for column in frame.columns]
    frame = frame.set_axis(columns, axis=1)
    names = [column for column in columns if column != wanted.target] if wanted.features is None else wanted.features
    missing = [name for name in (wanted.target, *names) if name not in columns]
    if missing:
        raise BuildError(f"{path} has no column '{missing[0]}'", code=MISFIT, hint=f"it has: {', '.join(columns)}")
    target = frame[wanted.target]
    if num_missing := int(target.isna().sum()):
        message = f"column '{wanted.target}' of {path} has {num_missing} missing values"
        raise BuildError(message, code=MISFIT, hint="drop the rows that have no target")
    labels = encode_targets(target.to_numpy(), wanted.task, name=f"column '{wanted.target}' of {path}")
    shared: dict[str, Any] = {
        "targets": labels.values,
        "task": labels.task,
        "num_classes": labels.num_classes,
        "class_names": labels.class_names,
        "name": path.stem,
    }
    plain = plain_columns(frame[names])
    if any(plain[name].dtype.kind != "f" or plain[name].isna().any() for name in names):
        return Table(frame=plain, **shared)
    inputs = torch.from_numpy(plain.to_numpy(dtype=np.float32, copy=True))
    return Dataset(inputs=inputs, feature_names=tuple(names), **shared)
