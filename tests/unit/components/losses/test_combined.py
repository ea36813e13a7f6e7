import pytest
import torch
from torch import nn

from mlgym_core.components.losses import ScaledLoss, SumOfLosses
from mlgym_core.errors import BuildError

OUTPUTS = torch.tensor([[3.0], [5.0]])
TARGETS = torch.zeros(2, 1)


def test_terms_count_by_their_weight_and_by_1_without_one() -> None:
    total = SumOfLosses([{"loss": nn.MSELoss(), "weight": 0.5}, {"loss": nn.L1Loss()}])

    assert float(total(OUTPUTS, TARGETS)) == 0.5 * 17 + 4


def test_a_term_may_be_any_function() -> None:
    total = SumOfLosses([{"loss": lambda outputs, targets: (outputs - targets).max(), "weight": -1}])

    assert float(total(OUTPUTS, TARGETS)) == -5


@pytest.mark.parametrize("terms", [[], [nn.MSELoss()], [{"weight": 1}], [{"loss": nn.MSELoss(), "weight": "a"}]])
def test_malformed_terms_are_refused_with_the_form_that_they_have(terms) -> None:
    with pytest.raises(BuildError, match="terms: ") as info:
        SumOfLosses(terms)
    assert info.value.code == "MG371"


def test_a_loss_is_divided_by_a_number() -> None:
    assert float(ScaledLoss(nn.MSELoss(), by=2.0)(OUTPUTS, TARGETS)) == 8.5


def trained_on(loss: ScaledLoss, *sizes: float) -> list[float]:
    return [loss(torch.tensor([[float(size)]], requires_grad=True), torch.zeros(1, 1)).item() for size in sizes]


def test_a_loss_is_calibrated_by_the_first_losses_that_it_is_trained_on() -> None:
    loss = ScaledLoss(nn.L1Loss(), calibrate=2)

    assert trained_on(loss, 4, 8, 60) == pytest.approx([1, 8 / 6, 10])


def test_evaluation_does_not_calibrate() -> None:
    loss = ScaledLoss(nn.L1Loss(), calibrate=2)

    assert float(loss(OUTPUTS, TARGETS)) == 4
    assert trained_on(loss, 4) == [1]


def test_a_calibration_goes_on_from_its_state() -> None:
    loss, other = ScaledLoss(nn.L1Loss(), calibrate=2), ScaledLoss(nn.L1Loss(), calibrate=2)
    trained_on(loss, 4)
    other.load_state_dict(loss.state_dict())

    assert trained_on(other, 8, 60) == trained_on(loss, 8, 60)

    third = ScaledLoss(nn.L1Loss(), calibrate=2)
    third.load_state_dict(loss.state_dict())
    assert trained_on(third, 1, 100) == pytest.approx([1 / 6, 100 / 6])
