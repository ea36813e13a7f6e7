import pytest
import torch
from torch import nn

from mlgym_core.components.losses import SumOfLosses
from mlgym_core.components.losses.warm_up import WarmUp, warm_ups


def half(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return torch.tensor(0.5)


def test_its_weight_grows_in_equal_parts() -> None:
    loss = WarmUp(half, steps=4, start=0.2)
    weights = []
    for loss.step in range(6):
        weights.append(loss.weight)

    assert weights == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])


def test_it_is_weighted_in_training_alone() -> None:
    loss = WarmUp(half, steps=2, start=0.5)

    loss.step = 0
    assert loss(torch.ones(1), torch.ones(1)).item() == 0.25
    loss.step = None
    assert loss(torch.ones(1), torch.ones(1)).item() == 0.5


def test_those_within_a_loss_are_found() -> None:
    inner = WarmUp(half, steps=2)

    assert warm_ups(SumOfLosses([{"loss": nn.MSELoss()}, {"loss": inner, "weight": 0.1}])) == [inner]
    assert warm_ups(inner) == [inner]
    assert warm_ups(half) == []


def test_a_split_is_scored_in_full() -> None:
    running = WarmUp(nn.MSELoss(), steps=2).running()

    running.add(torch.tensor([1.0, 2.0]), torch.zeros(2))
    running.add(torch.tensor([3.0]), torch.zeros(1))

    assert running.value() == pytest.approx((1 + 4 + 9) / 3)
