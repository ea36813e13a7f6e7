import pytest
import torch
from torch import nn

from mlgym_core.components.loss_warm_up import WarmUp, warm_ups


def half(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return torch.tensor(0.5)


def test_its_weight_grows_in_equal_parts() -> None:
    loss = WarmUp(half, steps=4, start=0.2)
    weights = []
    for loss.step in range(6):
        weights.append(loss.weight)

    assert weights == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])
    assert WarmUp(half, steps=3).weight == 0.0


def test_it_is_weighted_in_training_alone() -> None:
    loss = WarmUp(half, steps=2, start=0.5)

    assert loss.train()(torch.ones(1), torch.ones(1)).item() == 0.25
    assert loss.eval()(torch.ones(1), torch.ones(1)).item() == 0.5


def test_those_within_a_loss_are_found() -> None:
    inner = WarmUp(half, steps=2)

    assert warm_ups(nn.ModuleList([nn.MSELoss(), inner])) == [inner]
    assert warm_ups(inner) == [inner]
    assert warm_ups(half) == []


def test_a_trainer_tells_it_the_step(make_trainer) -> None:
    loss = WarmUp(nn.CrossEntropyLoss(), steps=100)
    trainer = make_trainer(loss=loss, accumulate=2)
    seen = []

    for _ in trainer.train_epoch(0):
        seen.append((loss.step, loss.training))
    list(trainer.train_epoch(1))

    assert seen == [(0, True), (1, True), (2, True), (3, True)]
    assert (loss.step, loss.training) == (7, False)
