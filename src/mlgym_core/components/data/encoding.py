"""How raw rows become a model's inputs, so that new data can be given to what was trained.

Owns the taking of columns from rows and the order of what is done to them. It knows no file and fits nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlgym_core.config.suggestions import did_you_mean
from mlgym_core.errors import BuildError

if TYPE_CHECKING:
    import pandas as pd

Step: TypeAlias = Callable[[Tensor], Tensor]
"""Inputs [N, ...] to inputs [N, ...]; it can be pickled."""

NO_COLUMN, NO_FIT, NO_NUMBERS = "MG360", "MG361", "MG362"


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """From raw rows to inputs.

    `columns` are the columns of a table that are taken, none where samples have no named parts; `shape` is that of a
    raw sample. `read` makes inputs of a table that holds words or gaps; where it is None, all values are numbers.
    """

    columns: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()
    read: Callable[[pd.DataFrame], Tensor] | None = None
    steps: tuple[Step, ...] = ()

    def then(self, step: Step) -> Encoding:
        """The same with one step more."""
        return replace(self, steps=(*self.steps, step))

    def __call__(self, rows: Any) -> Tensor:
        """The inputs [N, ...] of a data frame, a mapping from columns to values, or an array [N, ...] of raw samples.

        Raises:
            BuildError: a column is missing, a value is no number, or the shape is another one.
        """
        if isinstance(rows, Mapping):
            import pandas as pd  # takes half a second, which only those wait for who read a table

            rows = pd.DataFrame(dict(rows))
        inputs = self._read_table(rows) if hasattr(rows, "columns") else self._read_array(rows)
        for step in self.steps:
            inputs = step(inputs)
        return inputs

    def _read_array(self, rows: Any) -> Tensor:
        array = rows.detach().cpu().numpy() if isinstance(rows, Tensor) else np.asarray(rows)
        if array.ndim == 0 or array.size != len(array) * math.prod(self.shape):
            given, wanted = list(array.shape), list(self.shape)
            raise BuildError(f"the data have the shape {given}, but a sample has the shape {wanted}", code=NO_FIT)
        if self.read is not None:
            import pandas as pd

            frame = pd.DataFrame(array.reshape(len(array), -1), columns=list(self.columns))
            return self._read_table(frame.infer_objects())
        return numbers(array.reshape(len(array), *self.shape), what="the data")

    def _read_table(self, frame: pd.DataFrame) -> Tensor:
        if not self.columns:
            hint = f"an array [N, {', '.join(str(each) for each in self.shape)}]"
            raise BuildError("the samples that were trained on have no named columns", code=NO_COLUMN, hint=hint)
        there = [str(column) for column in frame.columns]
        for column in self.columns:
            if column not in there:
                message = f"the data have no column '{column}'{did_you_mean(column, there)}"
                raise BuildError(message, code=NO_COLUMN, hint=f"needed: {', '.join(self.columns)}")
        taken = frame.set_axis(there, axis=1)[list(self.columns)]
        if self.read is not None:
            return self.read(taken)
        for column in self.columns:
            numbers(taken[column].to_numpy(), what=f"column '{column}'")
        return numbers(taken.to_numpy(dtype=np.float32).reshape(len(taken), *self.shape), what="the data")


def numbers(array: NDArray[Any], *, what: str) -> Tensor:
    """An array of numbers as floats, copied.

    Raises:
        BuildError: it holds words, or values are missing.
    """
    if array.dtype.kind not in "biuf":
        raise BuildError(f"{what} holds values that are no numbers", code=NO_NUMBERS, hint="encode them by `features`")
    if array.dtype.kind == "f" and (num_missing := int(np.isnan(array).sum())):
        hint = "fill or drop them, or impute them by `features`"
        raise BuildError(f"{what} has {num_missing} missing values", code=NO_NUMBERS, hint=hint)
    return torch.from_numpy(np.array(array, dtype=np.float32, order="C"))


def plain_columns(frame: pd.DataFrame, words: Collection[str] = ()) -> pd.DataFrame:
    """The table with numbers as float32 and all else as words, not a number where a value is missing.

    What stands in the columns `words` is words, even if it looks like numbers.
    """
    columns: dict[str, Any] = {}
    for name in frame.columns:
        values = frame[name]
        if name not in words and (values.dtype.kind in "biuf" or values.isna().all()):
            columns[name] = values.astype(np.float32)
        else:
            objects = values.astype(object)
            columns[name] = objects.map(str).where(values.notna(), np.nan)
    return frame.assign(**columns)
