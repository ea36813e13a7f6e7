"""What all readers of files share: clear words where a file cannot be read, and targets as classes or numbers.

Owns no format.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlgym_core.components.data.dataset import Task
from mlgym_core.errors import BuildError

UNREADABLE = "MG316"
MISFIT = "MG317"


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Targets [N] as whole numbers from 0 or as floats, and what they are."""

    values: Tensor
    task: Task
    num_classes: int | None
    class_names: tuple[str, ...] = ()


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns what reading a file raises into one error that names it and says what to do.

    Raises:
        BuildError: the file is not there, is no file, or is damaged.
    """
    try:
        yield
    except FileNotFoundError as error:
        hint = "paths begin at the folder of the configuration file; put the file there or name another"
        raise BuildError(f"there is no file {path}", code=UNREADABLE, hint=hint) from error
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise BuildError(f"cannot read {path}: {reason}", code=UNREADABLE) from error


def encode_targets(values: NDArray[Any], task: Task | None, *, name: str) -> Targets:
    """Targets as a model takes them; without a `task`, whole numbers and words are classes, other numbers regression.

    Raises:
        BuildError: they are no numbers where they should be, or too few or too many classes for the task.
    """
    is_number = np.issubdtype(values.dtype, np.floating)
    if task is None and is_number:
        task = "regression"
    if task == "regression":
        if not (is_number or np.issubdtype(values.dtype, np.integer)):
            raise BuildError(f"the targets in {name} are no numbers, so this is no regression", code=MISFIT)
        return Targets(values=torch.from_numpy(values.astype(np.float32)), task=task, num_classes=None)
    classes, indices = np.unique(values, return_inverse=True)
    if len(classes) < 2 or (task == "binary" and len(classes) > 2):
        wanted = "exactly 2" if task == "binary" else "at least 2"
        raise BuildError(f"the targets in {name} have {len(classes)} classes, but it takes {wanted}", code=MISFIT)
    return Targets(
        values=torch.from_numpy(indices.reshape(values.shape)).long(),
        task=task or ("binary" if len(classes) == 2 else "multiclass"),
        num_classes=len(classes),
        class_names=tuple(str(each) for each in classes),
    )
