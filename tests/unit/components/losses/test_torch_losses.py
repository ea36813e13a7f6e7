import pytest
import torch
from torch import nn

from mlgym_core.components.losses import Losses, SumOfLosses, output_scale
from mlgym_core.errors import BuildError


def loss(name: str, **arguments):
    component = Losses().find(name)
    defaults = {each.name: each.default for each in component.parameters if not each.required}
    return component.factory(**(defaults | arguments))


def test_losses_are_found_by_short_and_by_class_name() -> None:
    assert {"cross_entropy", "mse", "bce_with_logits", "nll", "l1", "smooth_l1", "huber"} <= set(Losses().names())
    assert all(Losses().find(name).name == name for name in Losses().names())
    for name in ("cross_entropy", "CrossEntropyLoss", "cross_entropy_loss", "crossentropy"):
        assert Losses().find(name).name == "cross_entropy"


@pytest.mark.parametrize("name", ["CTCLoss", "TripletMarginLoss", "cosine_embedding", "cross"])
def test_losses_of_something_else_than_outputs_and_targets_are_not(name: str) -> None:
    assert Losses().find(name) is None


def test_classes_are_compared_with_rows_of_outputs() -> None:
    outputs, targets = torch.randn(5, 3), torch.tensor([0, 1, 2, 1, 0])
    expected = nn.functional.cross_entropy(outputs, targets, label_smoothing=0.1)

    assert torch.equal(loss("cross_entropy", label_smoothing=0.1)(outputs, targets), expected)


def test_weights_are_lists() -> None:
    outputs, targets = torch.randn(5, 2), torch.tensor([0, 1, 1, 1, 0])
    expected = nn.functional.cross_entropy(outputs, targets, weight=torch.tensor([1.0, 3.0]))

    assert torch.equal(loss("cross_entropy", weight=[1.0, 3.0])(outputs, targets), expected)


def test_numbers_are_compared_one_by_one_whatever_their_shape() -> None:
    outputs, targets = torch.randn(5, 1), torch.randn(5)

    assert torch.equal(loss("mse")(outputs, targets), nn.functional.mse_loss(outputs.flatten(), targets))


def test_outputs_may_be_logarithms() -> None:
    outputs, targets = torch.randn(5, 1), torch.tensor([0, 3, 1, 2, 0])
    expected = nn.functional.poisson_nll_loss(outputs.flatten(), targets.float())

    assert torch.equal(loss("PoissonNLLLoss")(outputs, targets), expected)


def test_classes_are_targets_of_a_binary_loss() -> None:
    outputs, targets = torch.randn(4, 1), torch.tensor([0, 1, 1, 0])
    expected = nn.functional.binary_cross_entropy_with_logits(outputs.flatten(), targets.float())

    assert torch.equal(loss("bce_with_logits")(outputs, targets), expected)


def test_targets_that_are_not_as_many_as_outputs_are_refused() -> None:
    with pytest.raises(BuildError, match=r"MSELoss .* shape \[5, 2\] and the targets \[5\]"):
        loss("mse")(torch.zeros(5, 2), torch.zeros(5))


def test_a_loss_says_what_the_model_puts_out() -> None:
    assert output_scale(loss("bce")) == "probabilities"
    assert output_scale(loss("bce_with_logits")) == "logits"
    assert output_scale(loss("cross_entropy")) == "logits"
    assert output_scale(None) == "logits"
    assert output_scale(SumOfLosses([{"loss": loss("mse")}, {"loss": loss("bce")}])) == "probabilities"


def test_a_loss_moves_with_its_weights() -> None:
    assert loss("cross_entropy", weight=[1.0, 2.0]).to(torch.float64).weight.dtype == torch.float64


def test_one_hot_rows_are_classes_of_a_loss_of_classes() -> None:
    outputs, targets = torch.randn(5, 3).log_softmax(1), torch.tensor([0, 1, 2, 1, 0])
    rows = nn.functional.one_hot(targets, 3).float()

    assert torch.equal(loss("nll")(outputs, rows), loss("nll")(outputs, targets))
    assert torch.equal(loss("multi_margin")(outputs, rows), loss("multi_margin")(outputs, targets))
    assert torch.allclose(loss("cross_entropy")(outputs, rows), loss("cross_entropy")(outputs, targets))


def test_a_mean_over_samples_sums_the_outputs_of_each() -> None:
    outputs, targets = torch.randn(5, 3), torch.randint(2, (5, 3))
    expected = nn.functional.binary_cross_entropy_with_logits(outputs, targets.float(), reduction="sum") / 5

    assert torch.equal(loss("bce_with_logits", reduction="batchmean")(outputs, targets), expected)
