"""What a model predicts for samples, in the forms that its task has.

Owns these forms, and how they stand in a table. It knows no model and no file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from mlgym_core.components.data.dataset import Task
from mlgym_core.components.outputs import Outputs, Scale
from mlgym_core.errors import RunError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Predictions:
    """A model's raw outputs for N samples, [N, ...] on the CPU, with what they mean.

    `classes` are the names of the classes by their number, empty where they have none; `target` is what was to be
    predicted, None where that is not known.
    """

    raw: Any
    task: Task
    scale: Scale
    classes: tuple[str, ...] = ()
    target: Any = None

    def __len__(self) -> int:
        return len(self.raw)

    @property
    def values(self) -> NDArray[Any]:
        """The outputs as they are: [N] where there is one a sample."""
        return self._outputs.values

    @property
    def targets(self) -> NDArray[Any] | None:
        """What was to be predicted: the classes [N] by their numbers, or values; None where it is not known."""
        return None if self.target is None else self._outputs.targets

    @cached_property
    def labels(self) -> NDArray[Any]:
        """The classes [N] by their numbers. Raises BuildError where the task is regression."""
        return self._outputs.labels

    @cached_property
    def probabilities(self) -> NDArray[Any] | None:
        """[N, C] by class, each row of sum 1; None for a regression, and where the model gives none."""
        if self.task == "regression" or self.scale not in ("logits", "probabilities"):
            return None
        found = self._outputs.probabilities
        return np.stack([1 - found, found], axis=1) if found.ndim == 1 else found

    def named(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Classes by their names, as far as they have some."""
        if not self.classes:
            return labels
        names = [self.classes[each] if each < len(self.classes) else str(each) for each in labels.tolist()]
        return np.array(names, dtype=object)

    def table(self) -> pd.DataFrame:
        """A row for each sample: `prediction`, then where they are known `target` and `probability_<class>`.

        Raises:
            RunError: the outputs are more than a few numbers a sample.
        """
        import pandas as pd  # takes half a second, which only those wait for who make a table

        return pd.DataFrame(dict(self._columns()))

    def _columns(self) -> Mapping[str, NDArray[Any]]:
        if self.task == "regression":
            return {**_by_number("prediction", self.values), **_by_number("target", self.targets)}
        if self.labels.ndim != 1:
            raise _no_table(self.labels.shape)
        columns = {"prediction": self.named(self.labels)}
        if self.targets is not None:
            columns["target"] = self.named(self.targets)
        if self.probabilities is not None:
            names = self.named(np.arange(self.probabilities.shape[1])).tolist()
            columns |= {f"probability_{name}": self.probabilities[:, number] for number, name in enumerate(names)}
        return columns

    @cached_property
    def _outputs(self) -> Outputs:
        target = torch.zeros(len(self.raw)) if self.target is None else self.target
        return Outputs(self.raw, target, self.task, self.scale)


def _by_number(name: str, values: NDArray[Any] | None) -> dict[str, NDArray[Any]]:
    """One column for one number a sample, else a numbered column for each of them."""
    if values is None:
        return {}
    if values.ndim == 1 or values.shape[1:] == (1,):
        return {name: values.reshape(len(values))}
    if values.ndim == 2:
        return {f"{name}_{number}": values[:, number] for number in range(values.shape[1])}
    raise _no_table(values.shape)


def _no_table(shape: tuple[int, ...]) -> RunError:
    return RunError(
        f"predictions of shape {list(shape)} have no place in a table",
        code="MG135",
        hint="in Python, `load_experiment(…).predict(…)` gives them as they are",
    )
