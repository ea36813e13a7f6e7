"""Whether probabilities are as large as samples are often what they say: the expected calibration error.

Owns the bins. What a probability is of, the outputs know.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import NonNegativeInt, PositiveInt

from mlgym_core.components.metrics.protocols import PostProcessors, chosen
from mlgym_core.components.outputs import Form, Outputs
from mlgym_core.errors import BuildError
from mlgym_core.registry import register

_Floats = NDArray[np.float64]


@register("metric", "ece", goal="min")
class ExpectedCalibrationError:
    """The mean over samples of |share of the class - mean probability of it| in bins of that probability.

    The binning of Naeini, Cooper and Hauskrecht (AAAI 2015), of one class as in MLgym 0.0.75: bins of one width, of
    which each but the last lacks its upper end.

    Args:
        num_bins: Bins of equal width from 0 to 1.
        class_label: The class that the probabilities are of.
        sum_up_bins: One score; otherwise one for each bin, not weighted by its samples, 0 for an empty one.
        given: The form of a model's outputs that it is given.
        post_processing: Steps that make it of the raw outputs instead: a probability [N], or a row of them [N, C].
    """

    def __init__(
        self,
        num_bins: PositiveInt = 10,
        class_label: NonNegativeInt = 1,
        sum_up_bins: bool = True,
        given: Form = "probabilities",
        post_processing: PostProcessors = None,
    ) -> None:
        self.given = chosen(given, post_processing)
        self.parts = () if sum_up_bins else tuple(map(str, range(num_bins)))
        self._num_bins = num_bins
        self._class_label = class_label

    def __call__(self, outputs: Outputs) -> float | Mapping[str, float]:
        """The error, or the errors of the bins.

        Raises:
            BuildError: there are no probabilities of the class.
        """
        probabilities = _of_class(outputs.form(self.given), self._class_label, outputs)
        errors, shares = _errors_of_bins(outputs.targets == self._class_label, probabilities, self._num_bins)
        return dict(zip(self.parts, errors.tolist(), strict=True)) if self.parts else float(errors @ shares)


@register("metric", "classwise_ece", goal="min")
class ClasswiseECE:
    """The mean over classes of their expected calibration errors (Nixon et al., CVPR workshops 2019, with equal bins).

    Args:
        num_bins: Bins of equal width from 0 to 1.
        class_labels: The classes; all of them where not given.
        given: The form of a model's outputs that it is given.
        post_processing: Steps that make it of the raw outputs instead: a probability [N], or a row of them [N, C].
    """

    def __init__(
        self,
        num_bins: PositiveInt = 10,
        class_labels: list[NonNegativeInt] | None = None,
        given: Form = "probabilities",
        post_processing: PostProcessors = None,
    ) -> None:
        self.given = chosen(given, post_processing)
        self._num_bins = num_bins
        self._class_labels = class_labels

    def __call__(self, outputs: Outputs) -> float:
        """The mean error.

        Raises:
            BuildError: there are no probabilities of a class.
        """
        found = outputs.form(self.given)
        classes = self._class_labels or range(2 if found.ndim == 1 else found.shape[1])
        errors = []
        for label in classes:
            each, shares = _errors_of_bins(outputs.targets == label, _of_class(found, label, outputs), self._num_bins)
            errors.append(float(each @ shares))
        return float(np.mean(errors))


def _of_class(found: _Floats, label: int, outputs: Outputs) -> _Floats:
    """The probabilities [N] of a class; one number a sample is the probability of class 1."""
    if outputs.task == "regression":
        raise BuildError("it scores classes, and the task is regression", code="MG330")
    num_classes = 2 if found.ndim == 1 else found.shape[1]
    if label >= num_classes:
        raise BuildError(f"it scores class {label}, and there are {num_classes} classes", code="MG330")
    if found.ndim == 1:
        return found if label == 1 else 1 - found
    column: _Floats = found[:, label]
    return column


def _errors_of_bins(is_class: NDArray[np.bool_], probabilities: _Floats, num_bins: int) -> tuple[_Floats, _Floats]:
    """For each bin its calibration error and its share of the samples."""
    bins = np.digitize(probabilities, np.linspace(0, 1, num_bins + 1)[1:-1])
    sizes = np.bincount(bins, minlength=num_bins)
    filled = np.maximum(sizes, 1)
    prevalence = np.bincount(bins, is_class, minlength=num_bins) / filled
    confidence = np.bincount(bins, probabilities, minlength=num_bins) / filled
    return np.abs(prevalence - confidence), sizes / sizes.sum()
