"""What can be put together and trained, and what is told of a pipeline that does not fare well."""

import math
import re
from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch
from torch import nn

from mlgym_core.components.evaluator import FullEvaluator
from mlgym_core.errors import RunError
from mlgym_core.events.types import EvaluationResult, LogLines, MetricScore
from mlgym_core.training import rehearse


@pytest.mark.parametrize("name", ["lbfgs", "sgd", "rmsprop", "adamw"])
def test_optimizers_of_torch_train(train_config, iris, name: str) -> None:
    iris["run"]["epochs"] = 10
    iris["optimizer"] = {"use": name, "lr": 0.05}

    assert train_config(iris).accuracies()[-1] > 0.7


def test_a_schedule_changes_what_is_learnt(train_config, iris) -> None:
    constant = train_config(iris)
    iris["lr_scheduler"] = {"use": "exponential", "gamma": 0.5}
    by_epoch = train_config(iris)
    iris["lr_scheduler"]["interval"] = "step"

    assert len({constant.weights(), by_epoch.weights(), train_config(iris).weights()}) == 3


def test_regression_is_trained_on_numbers(train_config, iris) -> None:
    iris |= {
        "data": "diabetes",
        "splits": {"use": "random", "source": "$data.train", "fractions": {"train": 0.7, "val": 0.3}},
        "model": {"use": "mlp", "sizes": [10, 1]},
        "optimizer": {"use": "adam", "lr": 5.0},
        "loss": "mse",
        "metrics": ["r2", "rmse"],
    }
    iris["run"]["epochs"] = 20
    result = train_config(iris).published.of(EvaluationResult)[-3]

    scores = {each.metric: each.score for each in result.metric_scores}
    assert scores["r2"] > 0.4
    assert scores["rmse"] ** 2 == pytest.approx(result.loss_scores[0].score, rel=1e-4)


@pytest.mark.parametrize(("loss", "outputs"), [("bce_with_logits", 1), ("cross_entropy", 2)])
def test_a_binary_task_takes_one_output_or_two(train_config, iris, loss: str, outputs: int) -> None:
    iris |= {
        "data": "breast_cancer",
        "model": {"use": "mlp", "sizes": [30, outputs]},
        "loss": loss,
        "metrics": ["roc_auc", "f1", "brier"],
    }
    result = train_config(iris).published.of(EvaluationResult)[-1]

    scores = {each.metric: each.score for each in result.metric_scores}
    assert scores["roc_auc"] > 0.95
    assert scores["f1"] > 0.9
    assert scores["brier"] < 0.1


def test_a_batch_may_have_any_form(train_config, assemble, iris, registry) -> None:
    @dataclass(frozen=True)
    class Flowers:
        leaves: torch.Tensor
        names: list[str]

    class Answer(NamedTuple):
        kind: torch.Tensor
        size: torch.Tensor

    @registry.register("collator", "flowers")
    def flowers():
        def collate(samples):
            leaves = torch.stack([leaves for leaves, _ in samples])
            kinds = torch.tensor([int(kind) for _, kind in samples])
            return Flowers(leaves=leaves, names=["iris"] * len(samples)), {"kind": kinds, "size": leaves.sum(1)}

        return collate

    @registry.register("model", "two_headed")
    class TwoHeaded(nn.Linear):
        def __init__(self) -> None:
            super().__init__(4, 4)

        def forward(self, flowers: Flowers) -> Answer:
            assert set(flowers.names) == {"iris"}
            outputs = super().forward(flowers.leaves)
            return Answer(kind=outputs[:, :3], size=outputs[:, 3])

    @registry.register("loss", "both")
    def both():
        def loss(answer, targets):
            kind, size = answer
            return nn.functional.cross_entropy(kind, targets["kind"]) + (size - targets["size"]).square().mean()

        return loss

    iris |= {"collator": "flowers", "model": "two_headed", "loss": "both", "metrics": []}
    iris["trainer"] = {"accumulate": 2, "precision": "bfloat16"}
    rehearse(assemble(iris))

    results = train_config(iris).published.of(EvaluationResult)

    assert [each.loss for each in results[0].loss_scores] == ["both"]
    assert results[-1].loss_scores[0].score < results[0].loss_scores[0].score


def test_scores_that_are_no_finite_numbers_are_published_as_they_are(train_config, iris) -> None:
    iris |= {"optimizer": {"use": "sgd", "lr": 1e30}, "trainer": {"on_nonfinite": "continue"}}
    result = train_config(iris).published.of(EvaluationResult)[-1]

    [loss] = result.loss_scores
    assert (loss.loss, loss.split) == ("cross_entropy", "test")
    assert math.isnan(loss.score)
    assert result.metric_scores[0] == MetricScore(metric="accuracy", split="test", score=result.metric_scores[0].score)


def test_a_loss_that_is_not_finite_is_told_as_a_warning_and_stops_if_it_should(train_config, iris) -> None:
    iris |= {"optimizer": {"use": "sgd", "lr": 1e30}, "trainer": {"on_nonfinite": "continue"}}

    first, *_ = train_config(iris).published.of(LogLines)

    assert first.level == "WARNING"
    assert re.match("the loss of batch [12] of epoch 0 is (nan|inf); training goes on with it", first.lines[0])
    iris["trainer"] = {"on_nonfinite": "stop"}
    with pytest.raises(RunError, match=r"the loss of batch [12] of epoch 0 is") as info:
        train_config(iris)
    assert info.value.place is not None


def test_memory_that_runs_out_keeps_its_error_and_says_what_was_too_large_where(train_config, iris, registry) -> None:
    @registry.register("model", "greedy")
    class Greedy(nn.Linear):
        def __init__(self) -> None:
            super().__init__(4, 3)

        def forward(self, inputs):
            outputs = super().forward(inputs)
            return outputs if len(inputs) < 5 else outputs + torch.empty(len(inputs) * 10**17)[0]

    iris["model"] = "greedy"

    with pytest.raises(RuntimeError, match="can't allocate memory") as info:
        train_config(iris)
    batch, place = info.value.__notes__
    assert batch.startswith(
        "MG345 a batch of 8 samples, of shape [8, 4], was too large for the memory of cpu\n  a smaller"
    )
    assert place == "  the batches are made at test.yml:1:1"


def test_what_an_evaluator_notices_is_told_once_as_a_warning(train_config, iris, registry) -> None:
    @registry.register("evaluator", "noticing")
    class NoticingEvaluator(FullEvaluator):
        noticed = ("the split is odd",)

        def take_notices(self) -> list[str]:
            taken, self.noticed = self.noticed, ()
            return list(taken)

    iris["evaluator"] = "noticing"

    (warning,) = train_config(iris).published.of(LogLines)

    assert (warning.stream, warning.level, warning.lines) == ("logging", "WARNING", ["the split is odd"])
