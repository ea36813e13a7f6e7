"""Data from archives of NumPy. Owns the reading of their arrays; nothing in them is ever unpickled."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mlgym_core.components.data.dataset import Dataset, Task
from mlgym_core.components.data.holdout import TestFraction, hold_out, standardize_inputs
from mlgym_core.components.data.reading import MISFIT, Targets, encode_targets, reading
from mlgym_core.errors import BuildError
from mlgym_core.registry import register


@register("data", "npz")
def npz(
    path: Path,
    inputs: str = "inputs",
    targets: str = "targets",
    test_inputs: str | None = None,
    test_targets: str | None = None,
    task: Task | None = None,
    test_fraction: TestFraction = 0.2,
    standardize: bool = False,
) -> dict[str, Dataset]:
    """Arrays of a NumPy archive, a row for each sample, as splits `train` and `test`.

    Args:
        path: The file, relative to the configuration.
        inputs: The name of the array of inputs.
        targets: The name of the array of targets.
        test_inputs: The name of the inputs for testing, where the archive has them apart.
        test_targets: The name of the targets for testing.
        task: What the targets are; whole numbers and words are classes where not given, other numbers regression.
        test_fraction: The share of samples in `test`, where the archive does not have them apart.
        standardize: Shift and scale each feature to mean 0 and deviation 1 on `train`.

    Raises:
        BuildError: the file cannot be read, or does not hold what is named.
    """
    if (test_inputs is None) != (test_targets is None):
        raise BuildError("npz takes both test_inputs and test_targets, or neither", code=MISFIT)
    train_arrays = _read(path, {"inputs": inputs, "targets": targets})
    train, num_train = train_arrays["targets"], len(train_arrays["targets"])
    if test_inputs is None or test_targets is None:
        whole = _dataset(path, train_arrays["inputs"], encode_targets(train, task, name=path.name), slice(None))
        splits = hold_out(whole, test_fraction)
    else:
        test_arrays = _read(path, {"inputs": test_inputs, "targets": test_targets})
        # Encoded together, so that a class has the same number in both.
        encoded = encode_targets(np.concatenate([train, test_arrays["targets"]]), task, name=path.name)
        splits = {
            "train": _dataset(path, train_arrays["inputs"], encoded, slice(num_train)),
            "test": _dataset(path, test_arrays["inputs"], encoded, slice(num_train, None)),
        }
    return standardize_inputs(splits) if standardize else splits


def _dataset(path: Path, inputs: NDArray[Any], targets: Targets, rows: slice) -> Dataset:
    return Dataset(
        inputs=torch.from_numpy(np.ascontiguousarray(inputs, dtype=np.float32)),
        targets=targets.values[rows],
        task=targets.task,
        num_classes=targets.num_classes,
        class_names=targets.class_names,
        name=path.stem,
    )


def _read(path: Path, names: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    with reading(path), path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            raise ValueError("it is no archive of arrays; numpy.savez writes one")
        file.seek(0)
        archive = np.load(file, allow_pickle=False)
        missing = [name for name in names.values() if name not in archive.files]
        if missing:
            raise BuildError(
                f"{path} has no array '{missing[0]}'", code=MISFIT, hint=f"it has: {', '.join(archive.files)}"
            )
        arrays = {key: archive[name] for key, name in names.items()}
    for key, array in arrays.items():
        if array.ndim == 0 or (key == "inputs" and array.dtype.kind not in "biuf"):
            raise BuildError(f"array '{names[key]}' of {path} is no array of numbers with a row a sample", code=MISFIT)
        if array.dtype.kind == "f" and np.isnan(array).any():
            raise BuildError(f"array '{names[key]}' of {path} has missing values", code=MISFIT)
    return arrays
