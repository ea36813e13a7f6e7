"""How many samples of a class stand first when all are ranked: recall at k, and the area under it.

Owns the ranking; ties are kept in the order of the data.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import NonNegativeInt, PositiveInt
from sklearn.metrics import auc

from mlgym_core.components.metrics.protocols import PostProcessors, chosen
from mlgym_core.components.outputs import Form, Outputs
from mlgym_core.errors import BuildError
from mlgym_core.registry import register


@register("metric", "recall_at", goal="max")
class RecallAt:
    """For each k the share of a class's samples among the k of the largest score; scores named `recall_at_<k>`.

    Manning, Raghavan and Schütze, Introduction to Information Retrieval (2008), chapter 8.4.

    Args:
        k: How many samples are looked at; several numbers give several scores.
        class_label: The class whose samples are sought.
        descending: Whether the largest scores stand first.
        given: The form of a model's outputs that it is given.
        post_processing: Steps that make it of the raw outputs instead: a score [N], or a row of them [N, C].
    """

    def __init__(
        self,
        k: list[PositiveInt],
        class_label: NonNegativeInt = 1,
        descending: bool = True,
        given: Form = "scores",
        post_processing: PostProcessors = None,
    ) -> None:
        if not k or len(set(k)) < len(k):
            raise BuildError("k must be one or several different numbers", code="MG372")
        self.given = chosen(given, post_processing)
        self.parts = tuple(map(str, k))
        self._k = k
        self._class_label = class_label
        self._descending = descending

    def __call__(self, outputs: Outputs) -> Mapping[str, float]:
        """The recall at each k; not a number where no sample is of the class.

        Raises:
            BuildError: the task is no classification.
        """
        return dict(zip(self.parts, self.recalls(outputs).tolist(), strict=True))

    def recalls(self, outputs: Outputs) -> NDArray[np.float64]:
        """The recall at each k, in their order. Raises BuildError as the metric does."""
        scores = outputs.form(self.given)
        if outputs.task == "regression":
            raise BuildError("it scores classes, and the task is regression", code="MG330")
        if scores.ndim > 1:
            if self._class_label >= scores.shape[1]:
                raise BuildError(
                    f"it seeks class {self._class_label}, and there are {scores.shape[1]} classes", code="MG330"
                )
            scores = scores[:, self._class_label]
        elif self._class_label == 0 and self.given in ("scores", "probabilities"):
            scores = -scores  # they are of class 1
        ranks = np.argsort(-scores if self._descending else scores, kind="stable")
        found = np.cumsum(outputs.targets[ranks] == self._class_label)
        if not found[-1]:
            warnings.warn(f"no sample is of class {self._class_label}", stacklevel=2)
            return np.full(len(self._k), np.nan)
        recalls: NDArray[np.float64] = found[np.minimum(self._k, len(found)) - 1] / found[-1]
        return recalls


@register("metric", "area_under_recall_at", goal="max")
class AreaUnderRecallAt:
    """The area under recall at k over k, by the trapezoidal rule, as in MLgym 0.0.75.

    Args:
        k: Two numbers of samples or more, rising.
        class_label: The class whose samples are sought.
        descending: Whether the largest scores stand first.
        normalize: Divide by the largest k.
        given: The form of a model's outputs that it is given.
        post_processing: Steps that make it of the raw outputs instead: a score [N], or a row of them [N, C].
    """

    def __init__(
        self,
        k: list[PositiveInt],
        class_label: NonNegativeInt = 1,
        descending: bool = True,
        normalize: bool = False,
        given: Form = "scores",
        post_processing: PostProcessors = None,
    ) -> None:
        if len(k) < 2 or sorted(set(k)) != k:
            raise BuildError("k must be two numbers or more, each larger than the one before", code="MG372")
        self._recall = RecallAt(k, class_label, descending, given, post_processing)
        self.given = self._recall.given
        self._k = k
        self._normalize = normalize

    def __call__(self, outputs: Outputs) -> float:
        """The area; not a number where no sample is of the class.

        Raises:
            BuildError: the task is no classification.
        """
        recalls = self._recall.recalls(outputs)
        if np.isnan(recalls).any():
            return float("nan")
        return float(auc(self._k, recalls)) / (max(self._k) if self._normalize else 1)
