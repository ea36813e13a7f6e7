"""Metrics: scores of a whole split. Knows no model and no split."""

from mlgym_core.components.metrics.calibration import ClasswiseECE, ExpectedCalibrationError
from mlgym_core.components.metrics.protocols import Metric, given_of, parts_of
from mlgym_core.components.metrics.ranking import AreaUnderRecallAt, RecallAt
from mlgym_core.components.metrics.sklearn_metrics import Metrics

__all__ = [
    "AreaUnderRecallAt",
    "ClasswiseECE",
    "ExpectedCalibrationError",
    "Metric",
    "Metrics",
    "RecallAt",
    "given_of",
    "parts_of",
]
