import math
import warnings
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from mlgym_core.components.data.dataset import Dataset
from mlgym_core.components.data.loaders import batches
from mlgym_core.components.evaluator import FullEvaluator, SplitScores
from mlgym_core.components.losses import Losses
from mlgym_core.components.metrics import ExpectedCalibrationError, Metrics, RecallAt
from mlgym_core.components.outputs import Outputs, Scale
from mlgym_core.errors import BuildError

NUM_SAMPLES = 101


class Fixed:
    """Predicts what it was told for each sample, whose only input is its number."""

    def __init__(self, raw: Tensor, scale: Scale = "logits") -> None:
        self.raw = raw
        self.output_scale: Scale = scale

    def predict(self, inputs: Tensor) -> Tensor:
        return self.raw[inputs.flatten().long()]


def found(kind, name: str, **arguments):
    component = kind().find(name)
    return component.factory(
        **({each.name: each.default for each in component.parameters if not each.required} | arguments)
    )


def loaders_of(targets: Tensor, task="multiclass", *, eval_batch_size: int = 10):
    data = Dataset(inputs=torch.arange(len(targets)).reshape(-1, 1), targets=targets, task=task, name="numbers")
    return batches({"val": data}, 4, 0, eval_batch_size=eval_batch_size)


def evaluated(evaluator: FullEvaluator, predictor: Fixed) -> SplitScores:
    return evaluator.evaluate("val", predictor, lambda batch: None)


@pytest.fixture
def raw() -> Tensor:
    return torch.randn(NUM_SAMPLES, 4, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def targets() -> Tensor:
    return torch.randint(4, (NUM_SAMPLES,), generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize("is_one_hot", [False, True])
def test_scores_are_equal_to_the_bit_whatever_the_size_of_batches(raw, targets, is_one_hot) -> None:
    losses = {
        "ce": found(Losses, "cross_entropy"),
        "weighted": found(Losses, "cross_entropy", weight=[1.0, 0.5, 2.0, 0.25]),
        "own": nn.MultiMarginLoss() if not is_one_hot else nn.MSELoss(),
    }
    metrics = {
        "f1": found(Metrics, "f1", average="macro"),
        "accuracy": found(Metrics, "accuracy"),
        "log_loss": found(Metrics, "log_loss"),
        "ece": ExpectedCalibrationError(),
    }
    told = nn.functional.one_hot(targets, 4).float() if is_one_hot else targets

    scores = [
        evaluated(FullEvaluator(loaders_of(told, eval_batch_size=size), losses, metrics), Fixed(raw))
        for size in (1, 2, 7, 64, NUM_SAMPLES)
    ]

    assert scores[0].metrics == scores[1].metrics == scores[2].metrics == scores[3].metrics == scores[4].metrics
    for name in losses:
        assert [each.losses[name] for each in scores] == pytest.approx([scores[0].losses[name]] * 5, rel=1e-14)
    assert scores[0].losses["ce"] == pytest.approx(float(nn.functional.cross_entropy(raw, targets)), rel=1e-6)


def test_a_metric_with_several_scores_has_one_name_for_each(raw, targets) -> None:
    evaluator = FullEvaluator(loaders_of(targets), None, {"recall": RecallAt([2, 50], class_label=3)})

    scores = evaluated(evaluator, Fixed(raw)).metrics

    assert evaluator.score_names == ["val/recall_2", "val/recall_50"]
    assert list(scores) == ["recall_2", "recall_50"]
    assert 0 <= scores["recall_2"] <= scores["recall_50"] <= 1


def test_losses_are_optional_and_further_ones_stand_beside_the_one_that_is_trained_on(raw, targets) -> None:
    margin = nn.MultiMarginLoss()

    assert evaluated(FullEvaluator(loaders_of(targets)), Fixed(raw)) == SplitScores(losses={}, metrics={})
    both = FullEvaluator(loaders_of(targets), {"ce": nn.CrossEntropyLoss()}, further_losses={"margin": margin})
    assert evaluated(both, Fixed(raw)).losses == pytest.approx(
        {"ce": float(nn.functional.cross_entropy(raw, targets)), "margin": float(margin(raw, targets))}, rel=1e-6
    )


def test_scores_may_be_computed_on_some_splits_alone(raw, targets) -> None:
    loaders = {"train": loaders_of(targets)["val"], **loaders_of(targets)}
    evaluator = FullEvaluator(
        loaders,
        {"ce": nn.CrossEntropyLoss()},
        {"accuracy": found(Metrics, "accuracy")},
        applicable_splits={"accuracy": ["val"], "ce": ["train"]},
    )

    assert evaluator.score_names == ["train/ce", "val/accuracy"]
    assert evaluated(evaluator, Fixed(raw)).losses == {}


@pytest.mark.parametrize(
    ("applicable", "message"),
    [
        ({"accuracy": ["fit"]}, r"the evaluator wants the split 'fit'\s+there are: val"),
        ({"acuracy": ["val"]}, r"names the score 'acuracy'\s+there are: accuracy"),
    ],
)
def test_a_split_or_a_score_that_there_is_not_is_named(targets, applicable, message) -> None:
    with pytest.raises(BuildError, match=message):
        FullEvaluator(loaders_of(targets), None, {"accuracy": found(Metrics, "accuracy")}, applicable_splits=applicable)


class Keeping:
    """A metric that remembers what it was given."""

    def __init__(self, **attributes) -> None:
        self.__dict__ |= attributes

    def __call__(self, outputs: Outputs) -> float:
        self.outputs = outputs
        return 0.0


def test_of_many_outputs_only_what_the_metrics_want_is_kept(raw, targets) -> None:
    modest = Keeping(given="labels")

    evaluated(FullEvaluator(loaders_of(targets), {"ce": nn.CrossEntropyLoss()}, {"modest": modest}), Fixed(raw))

    assert modest.outputs.raw.nbytes == 0
    assert modest.outputs.labels.tolist() == raw.argmax(1).tolist()


def test_a_metric_that_does_not_say_what_it_wants_is_given_everything(raw, targets) -> None:
    greedy = Keeping()

    evaluated(FullEvaluator(loaders_of(targets), None, {"a": Keeping(given="labels"), "b": greedy}), Fixed(raw))

    assert torch.equal(greedy.outputs.raw, raw)
    assert greedy.outputs.targets.tolist() == targets.tolist()


def test_a_score_that_is_not_defined_is_no_number_and_told_once() -> None:
    only_zeros = torch.zeros(5, dtype=torch.long)
    evaluator = FullEvaluator(
        loaders_of(only_zeros, "binary"),
        None,
        {"roc_auc": found(Metrics, "roc_auc"), "recall": RecallAt([1, 2]), "accuracy": found(Metrics, "accuracy")},
    )

    for _ in range(2):
        scores = evaluated(evaluator, Fixed(torch.linspace(-1, 1, 5))).metrics
        assert {name for name, score in scores.items() if math.isnan(score)} == {"roc_auc", "recall_1", "recall_2"}

    first, second = evaluator.take_notices()
    assert first.startswith("the score val/roc_auc is not defined: Only one class is present in y_true")
    assert second == "the score val/recall is not defined: no sample is of class 1"
    assert evaluator.take_notices() == []


def test_what_a_metric_refuses_in_an_evaluation_is_no_number_too(raw, targets) -> None:
    def fussy(outputs: Outputs) -> float:
        raise ValueError("nothing to score")

    evaluator = FullEvaluator(loaders_of(targets), None, {"fussy": fussy})

    assert math.isnan(evaluated(evaluator, Fixed(raw)).metrics["fussy"])
    assert evaluator.take_notices() == ["the score val/fussy is not defined: nothing to score"]


def test_what_a_metric_says_of_a_score_is_told_and_no_number_is_told_without_a_word(raw, targets) -> None:
    def odd(outputs: Outputs) -> float:
        warnings.warn("few samples", stacklevel=1)
        return 1.0

    evaluator = FullEvaluator(loaders_of(targets), None, {"odd": odd, "mute": lambda outputs: math.nan})

    assert evaluated(evaluator, Fixed(raw)).metrics["odd"] == 1
    assert evaluator.take_notices() == [
        "the score val/odd is doubtful: few samples",
        "the score val/mute is not defined: its metric says not why",
    ]


def test_outputs_and_targets_may_be_several(targets) -> None:
    raw = {"a": torch.rand(NUM_SAMPLES), "b": torch.rand(NUM_SAMPLES, 2)}

    class Two(Fixed):
        def predict(self, inputs: Tensor) -> Mapping[str, Tensor]:
            return {name: each[inputs.flatten().long()] for name, each in raw.items()}

    def loss(outputs: Mapping[str, Tensor], targets: Tensor) -> Tensor:
        return outputs["a"].sum() + outputs["b"].sum() + targets.sum()

    keeping = Keeping()
    scores = evaluated(FullEvaluator(loaders_of(targets), {"own": loss}, {"m": keeping}), Two(raw["a"]))

    assert scores.losses["own"] == pytest.approx(float(loss(raw, targets)))
    assert torch.equal(keeping.outputs.raw["b"], raw["b"])


def test_an_estimator_may_give_labels_or_a_decision_alone(raw, targets) -> None:
    evaluator = FullEvaluator(loaders_of(targets), None, {"accuracy": found(Metrics, "accuracy")})
    expected = (raw.argmax(1) == targets).double().mean().item()

    assert evaluated(evaluator, Fixed(raw.argmax(1), "labels")).metrics == {"accuracy": expected}
    assert evaluated(evaluator, Fixed(raw, "decision")).metrics == {"accuracy": expected}
