import pytest
import torch

from mlgym_core.components.losses import LPLoss
from mlgym_core.errors import BuildError

OUTPUTS = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
TARGETS = torch.tensor([[0.0, 0.0], [1.0, 2.0]])


def test_a_power_without_a_root_is_the_mean_over_samples_of_a_sum_over_outputs() -> None:
    assert float(LPLoss()(OUTPUTS, TARGETS)) == (25 + 5) / 2
    assert float(LPLoss(exponent=1.0)(OUTPUTS, TARGETS)) == (7 + 3) / 2


def test_with_a_root_it_is_a_norm() -> None:
    assert float(LPLoss(root=2.0)(OUTPUTS, TARGETS)) == pytest.approx((5 + 5**0.5) / 2)
    assert float(LPLoss(exponent=3.0, root=2.0)(OUTPUTS, TARGETS)) == pytest.approx((91**0.5 + 9**0.5) / 2)


def test_samples_may_be_summed_and_outputs_averaged() -> None:
    assert float(LPLoss(reduction="sum")(OUTPUTS, TARGETS)) == 30
    assert float(LPLoss(average_outputs=True)(OUTPUTS, TARGETS)) == 7.5


def test_the_gradient_of_a_norm_is_a_number_where_nothing_differs() -> None:
    outputs = torch.zeros(2, 3, requires_grad=True)

    torch.autograd.backward(LPLoss(root=2.0)(outputs, torch.zeros(2, 3)))

    assert outputs.grad is not None
    assert outputs.grad.isfinite().all()


def test_images_are_compared_with_images_and_numbers_one_by_one() -> None:
    assert float(LPLoss()(torch.ones(2, 1, 3, 3), torch.zeros(2, 1, 3, 3))) == 9
    assert float(LPLoss()(torch.ones(2, 1), torch.zeros(2))) == 1
    with pytest.raises(BuildError, match=r"LPLoss .* shape \[2, 2\] and the targets \[2\]"):
        LPLoss()(torch.ones(2, 2), torch.zeros(2))
