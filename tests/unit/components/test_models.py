import pytest
import torch
from torch import nn

from mlgym_core.components.models import MLP


def test_layers_have_the_given_sizes() -> None:
    model = MLP([64, 32, 10])

    assert [(each.in_features, each.out_features) for each in model if isinstance(each, nn.Linear)] == [
        (64, 32),
        (32, 10),
    ]
    assert [type(each) for each in model] == [nn.Linear, nn.ReLU, nn.Linear]
    assert model(torch.zeros(5, 64)).shape == (5, 10)


def test_hidden_layers_are_followed_by_activation_and_dropout() -> None:
    model = MLP([4, 8, 8, 2], activation="tanh", dropout=0.5)

    assert [type(each).__name__ for each in model] == [
        *("Linear", "Tanh", "Dropout"),
        *("Linear", "Tanh", "Dropout"),
        "Linear",
    ]


def test_two_sizes_are_a_linear_model() -> None:
    assert len(MLP([4, 2])) == 1


@pytest.mark.parametrize("activation", ["relu", "gelu", "elu", "silu", "tanh", "sigmoid"])
def test_every_activation_can_be_chosen(activation: str) -> None:
    assert torch.isfinite(MLP([3, 4, 1], activation=activation)(torch.ones(2, 3))).all()
