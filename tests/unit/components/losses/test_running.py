import warnings

import pytest
import torch
from torch import Tensor, nn

from mlgym_core.components.losses import Loss, Losses, LPLoss, ScaledLoss, SumOfLosses, running_loss

NUM_SAMPLES, NUM_CLASSES = 20, 4


def loss(name: str, **arguments) -> nn.Module:
    component = Losses().find(name)
    defaults = {each.name: each.default for each in component.parameters if not each.required}
    return component.factory(**(defaults | arguments))


def samples_of(name: str) -> tuple[Tensor, Tensor]:
    """Outputs and targets that the loss takes."""
    generator = torch.Generator().manual_seed(0)
    outputs = torch.rand(NUM_SAMPLES, NUM_CLASSES, generator=generator, dtype=torch.float64) * 0.98 + 0.01
    if name in ("cross_entropy", "nll", "multi_margin"):
        return outputs, torch.randint(NUM_CLASSES, (NUM_SAMPLES,), generator=generator)
    targets = torch.rand(NUM_SAMPLES, NUM_CLASSES, generator=generator, dtype=torch.float64)
    if name == "multi_label_margin":
        return outputs, torch.randint(-1, NUM_CLASSES, (NUM_SAMPLES, NUM_CLASSES), generator=generator)
    return outputs, targets.round() if "margin" in name or "hinge" in name else targets


def over_batches(one: Loss, outputs: Tensor, targets: Tensor, size: int) -> float:
    running = running_loss(one)
    for batch in zip(outputs.split(size), targets.split(size), strict=True):
        running.add(*batch)
    return running.value()


@pytest.mark.parametrize("size", [1, 7])
@pytest.mark.parametrize("reduction", ["mean", "sum", "batchmean"])
@pytest.mark.parametrize("name", Losses().names())
def test_batches_of_any_size_give_what_torch_gives_of_all_samples_at_once(name, reduction, size) -> None:
    outputs, targets = samples_of(name)
    try:
        one = loss(name, reduction=reduction)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's words on the mean of kl_div
            expected = one(outputs, targets)
    except ValueError:  # torch has no batchmean of a loss of classes, nor have we
        assert reduction == "batchmean"
        return

    assert over_batches(one, outputs, targets, size) == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize("arguments", [{}, {"label_smoothing": 0.2}, {"ignore_index": 1}, {"reduction": "sum"}])
def test_a_mean_over_weighted_classes_is_divided_by_all_their_weights(arguments) -> None:
    outputs, targets = samples_of("cross_entropy")
    weighted = loss("cross_entropy", weight=[1.0, 5.0, 0.5, 0.25], **arguments).double()

    assert over_batches(weighted, outputs, targets, 3) == pytest.approx(float(weighted(outputs, targets)), rel=1e-12)


def test_targets_may_be_shares_of_classes() -> None:
    outputs, targets = samples_of("mse")
    soft, one = targets.softmax(1), loss("cross_entropy")

    assert over_batches(one, outputs, soft, 3) == pytest.approx(float(one(outputs, soft)), rel=1e-12)


def test_a_split_without_any_sample_that_counts_has_no_mean() -> None:
    ignoring = loss("cross_entropy", ignore_index=0)

    assert over_batches(ignoring, torch.randn(3, 2), torch.zeros(3, dtype=torch.long), 2) != 0
    assert torch.tensor(over_batches(ignoring, torch.randn(3, 2), torch.zeros(3, dtype=torch.long), 2)).isnan()


def test_a_loss_of_somebody_s_own_is_given_the_whole_split() -> None:
    outputs, targets = samples_of("mse")

    def root(outputs: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.mse_loss(outputs, targets).sqrt()

    assert over_batches(root, outputs, targets, 7) == float(root(outputs, targets))


def test_the_loss_itself_stays_as_it_is() -> None:
    one = loss("mse")

    over_batches(one, *samples_of("mse"), 7)

    assert one.loss.reduction == "mean"


@pytest.mark.parametrize(
    "one",
    [
        LPLoss(exponent=3.0, root=2.0),
        LPLoss(reduction="sum", average_outputs=True),
        SumOfLosses([{"loss": nn.MSELoss(), "weight": 0.5}, {"loss": lambda p, t: (p - t).abs().amax()}]),
        ScaledLoss(nn.L1Loss(), by=0.25),
    ],
)
def test_losses_of_our_own_are_summed_as_well(one) -> None:
    outputs, targets = samples_of("mse")

    assert over_batches(one, outputs, targets, 7) == pytest.approx(float(one(outputs, targets)), rel=1e-6)


def test_half_precision_is_scored_in_single() -> None:
    outputs, targets = samples_of("mse")
    coarse = outputs.to(torch.bfloat16)

    expected = nn.functional.mse_loss(coarse.float(), targets.float())
    assert over_batches(loss("mse"), coarse, targets, 7) == pytest.approx(float(expected), rel=1e-6)
