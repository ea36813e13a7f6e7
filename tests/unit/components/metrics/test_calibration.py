import pytest
import torch

from mlgym_core.components.metrics import ClasswiseECE, ExpectedCalibrationError
from mlgym_core.components.outputs import Outputs
from mlgym_core.components.post_processing import SoftMax
from mlgym_core.errors import BuildError

TARGETS = [0, 0, 0, 1, 0, 1, 1]
PROBABILITIES = [0, 0.01, 0.05, 0.91, 0.92, 1, 0.96]
BINARY = Outputs(torch.tensor(PROBABILITIES, dtype=torch.float64), torch.tensor(TARGETS), "binary", "probabilities")
ERROR = 3 / 7 * abs(0 - 0.02) + 4 / 7 * abs(0.75 - 0.9475)


def multiclass() -> Outputs:
    generator = torch.Generator().manual_seed(0)
    return Outputs(torch.randn(80, 3, generator=generator), torch.randint(3, (80,), generator=generator), "multiclass")


def test_the_error_of_class_1() -> None:
    assert ExpectedCalibrationError()(BINARY) == pytest.approx(ERROR, rel=1e-12)


def test_class_0_is_what_is_left_of_class_1() -> None:
    mirrored = Outputs(1 - BINARY.raw, 1 - BINARY.target, "binary", "probabilities")

    assert ExpectedCalibrationError(class_label=0)(BINARY) == ExpectedCalibrationError()(mirrored)


def test_bins_singly() -> None:
    metric = ExpectedCalibrationError(sum_up_bins=False)

    scores = metric(BINARY)

    assert tuple(scores) == metric.parts == tuple("0123456789")
    assert scores["0"] == pytest.approx(0.02)
    assert scores["9"] == pytest.approx(0.1975)
    assert [scores[each] for each in "12345678"] == [0] * 8


def test_a_perfect_model_is_calibrated() -> None:
    assert ExpectedCalibrationError()(Outputs(BINARY.target.double(), BINARY.target, "binary", "probabilities")) == 0


def test_the_mean_over_classes_is_one_of_each_class() -> None:
    outputs = multiclass()
    each = [ExpectedCalibrationError(num_bins=5, class_label=label)(outputs) for label in range(3)]

    assert ClasswiseECE(num_bins=5)(outputs) == pytest.approx(sum(each) / 3)
    assert ClasswiseECE(num_bins=5, class_labels=[2])(outputs) == each[2]


def test_the_mean_over_two_classes_of_one_probability() -> None:
    each = [ExpectedCalibrationError(class_label=label)(BINARY) for label in (0, 1)]

    assert ClasswiseECE()(BINARY) == pytest.approx(sum(each) / 2)


def test_probabilities_may_be_made_by_steps() -> None:
    metric = ClasswiseECE(post_processing=[SoftMax()])

    assert metric.given == (SoftMax(),)
    assert metric(multiclass()) == ClasswiseECE()(multiclass())


@pytest.mark.parametrize("metric", [ExpectedCalibrationError(class_label=3), ClasswiseECE(class_labels=[3])])
def test_a_class_that_there_is_not_is_refused(metric) -> None:
    with pytest.raises(BuildError, match="it scores class 3, and there are 3 classes"):
        metric(multiclass())


@pytest.mark.parametrize("metric", [ExpectedCalibrationError(given="values"), ClasswiseECE(given="values")])
def test_a_regression_has_no_classes_to_be_calibrated(metric) -> None:
    with pytest.raises(BuildError, match="the task is regression"):
        metric(Outputs(torch.rand(4), torch.rand(4), "regression"))
