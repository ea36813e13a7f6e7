import hashlib
import math
import re
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import pytest
import torch
from torch import nn
from torch.utils.data import default_collate

from mlgym_core.checkpoints.protocols import Moment
from mlgym_core.checkpoints.serialize import load_tensors
from mlgym_core.components.evaluator import FullEvaluator
from mlgym_core.errors import RunError
from mlgym_core.events.types import (
    CheckpointDeleted,
    CheckpointSaved,
    EvaluationResult,
    ExperimentStatus,
    LogLines,
    MetricScore,
)
from mlgym_core.training import rehearse

from .memory import known_of


def accuracies(trained) -> list[float]:
    return [
        score.score
        for result in trained.published.of(EvaluationResult)
        for score in result.metric_scores
        if score.metric == "accuracy" and score.split == "train"
    ]


def test_an_experiment_learns_and_says_so(train_config, iris) -> None:
    iris["run"]["epochs"] = 8
    trained = train_config(iris)

    assert trained.outcome.reason == "finished"
    assert (trained.outcome.epochs_done, trained.outcome.stopped) == (8, False)
    assert accuracies(trained)[-1] > 0.9 > accuracies(trained)[0]


def test_every_split_has_one_result_an_epoch_with_every_score(train_config, iris) -> None:
    results = train_config(iris).published.of(EvaluationResult)

    assert [(each.epoch, each.loss_scores[0].split) for each in results] == [
        (epoch, split) for epoch in range(3) for split in ("train", "val", "test")
    ]
    assert all([score.metric for score in each.metric_scores] == ["accuracy", "f1"] for each in results)
    assert all([score.loss for score in each.loss_scores] == ["cross_entropy"] for each in results)
    assert {each.experiment_id for each in results} == {3}


def test_progress_is_told_in_order_up_to_the_last_batch(train_config, iris) -> None:
    iris["loaders"] |= {"batch_size": 2, "eval_batch_size": 1}
    told = train_config(iris).published.of(ExperimentStatus)

    passes = [
        list(group) for _, group in groupby(told, lambda each: (each.current_epoch, each.status, each.current_split))
    ]
    assert [(p[0].current_epoch, p[0].status, p[0].current_split) for p in passes] == [
        (epoch, status, split)
        for epoch in range(3)
        for status, split in (
            ("train", "train"),
            ("evaluation", "train"),
            ("evaluation", "val"),
            ("evaluation", "test"),
        )
    ]
    for reports in passes:
        batches = [each.current_batch for each in reports]
        assert len(batches) == 10
        assert batches == sorted(batches)
        assert batches[-1] == reports[-1].num_batches - 1
    assert {each.num_epochs for each in told} == {3}
    assert passes[1][0].splits == ["train", "val", "test"]


def test_the_same_seed_gives_the_same_weights_to_the_bit(train_config, iris) -> None:
    first, second = train_config(iris), train_config(iris)
    iris["run"]["seed"] = 2

    assert first.weights() == second.weights()
    assert first.published.of(EvaluationResult) == second.published.of(EvaluationResult)
    assert train_config(iris).weights() != first.weights()


def test_the_loader_does_not_change_the_weights(train_config, iris, registry) -> None:
    registry.register("collator", "default")(lambda: default_collate)
    from_memory = train_config(iris)
    iris["collator"] = "default"

    assert train_config(iris).weights() == from_memory.weights()


def test_how_evaluation_is_batched_changes_neither_weights_nor_scores(train_config, iris) -> None:
    whole = train_config(iris)
    iris["loaders"]["eval_batch_size"] = 3

    batched = train_config(iris)

    assert batched.weights() == whole.weights()
    assert accuracies(batched) == accuracies(whole)


def test_a_loss_is_the_mean_over_all_samples_of_a_split(assemble, train_config, iris) -> None:
    iris["run"]["epochs"] = 1
    iris["loaders"]["eval_batch_size"] = 7
    trained = train_config(iris)

    components = assemble(iris)
    model, data = components["model"].eval(), components["splits"]["val"]
    weights = trained.weights()
    model.load_state_dict(load_tensors(weights))
    expected = sum(nn.functional.cross_entropy(model(x.unsqueeze(0)), y.unsqueeze(0)).item() for x, y in data) / len(
        data
    )
    found = next(each for each in trained.published.of(EvaluationResult) if each.loss_scores[0].split == "val")
    assert found.loss_scores[0].score == pytest.approx(expected, rel=1e-5)


class TestCheckpoints:
    def test_a_checkpoint_is_complete_when_it_is_told_of_and_the_one_before_goes(self, train_config, iris) -> None:
        trained = train_config(iris)

        saved, deleted = trained.published.of(CheckpointSaved), trained.published.of(CheckpointDeleted)
        assert [each.epoch for each in saved] == [0, 1, 2]
        assert [each.epoch for each in deleted] == [0, 1]
        assert trained.epochs() == [2]
        assert saved[-1].kept_as == ["last"]
        assert saved[-1].step == 3 * math.ceil(84 / 8)
        assert [each.name for each in saved[-1].resources] == [
            "model.safetensors",
            "optimizer.safetensors",
            "stateful_components.json",
        ]
        for resource in saved[-1].resources:
            content = trained.checkpoints.load(3, Moment(epoch=2, step=saved[-1].step), resource.name)
            assert resource.size_bytes == len(content)
            assert resource.sha256 == hashlib.sha256(content).hexdigest()
        assert saved[-1].weights_sha256 == hashlib.sha256(trained.weights()).hexdigest()
        assert deleted[-1].weights_sha256 == saved[1].weights_sha256

    def test_every_epoch_can_be_kept(self, train_config, iris) -> None:
        iris["checkpointing"] = "every_epoch"
        trained = train_config(iris)

        assert trained.epochs() == [0, 1, 2]
        assert trained.published.of(CheckpointDeleted) == []

    def test_none_need_be_kept(self, train_config, iris) -> None:
        iris["checkpointing"] = "none"
        trained = train_config(iris)

        assert trained.epochs() == []
        assert trained.published.of(CheckpointSaved) == []

    @pytest.mark.parametrize("last", [0, 1, 2, 3])
    def test_training_goes_on_from_any_of_them_to_the_same_bits(self, train_config, iris, last: int) -> None:
        iris["run"]["epochs"] = 5
        iris["lr_scheduler"] = {"use": "cosine_annealing", "T_max": 5, "interval": "step"}
        iris["early_stopping"] = {"use": "no_improvement", "monitor": "val/f1", "window": 2}
        whole = train_config(iris)
        asked = iter([False] * last + [True])
        broken = train_config(iris, should_stop=lambda: next(asked))

        resumed = train_config(iris, storage=broken.run, known=known_of(broken.published))

        assert broken.outcome.epochs_done == last + 1
        assert resumed.weights() == whole.weights()
        assert resumed.outcome == whole.outcome
        assert resumed.epochs() == whole.epochs()
        assert broken.published.of(EvaluationResult) + resumed.published.of(EvaluationResult) == whole.published.of(
            EvaluationResult
        )
        assert broken.published.of(CheckpointSaved) + resumed.published.of(CheckpointSaved) == whole.published.of(
            CheckpointSaved
        )


class TestEnds:
    def test_a_request_to_stop_is_obeyed_after_the_checkpoint_of_the_epoch(self, train_config, iris) -> None:
        iris["run"]["epochs"] = 10
        trained = train_config(iris, should_stop=lambda: True)

        assert trained.outcome.stopped
        assert trained.outcome.epochs_done == 1
        assert trained.epochs() == [0]
        assert isinstance(trained.published.payloads[-1], CheckpointSaved)

    def test_a_request_after_the_last_epoch_comes_too_late(self, train_config, iris) -> None:
        asked = iter([False, False])

        assert train_config(iris, should_stop=lambda: next(asked)).outcome.reason == "finished"

    def test_early_stopping_ends_training(self, train_config, iris) -> None:
        iris["run"]["epochs"] = 10
        iris["optimizer"]["lr"] = 0.0
        iris["early_stopping"] = {"use": "no_improvement", "monitor": "val/accuracy", "window": 2}
        trained = train_config(iris)

        assert (trained.outcome.reason, trained.outcome.epochs_done) == ("early_stopping", 3)
        assert not trained.outcome.stopped

    @pytest.mark.parametrize(("goal", "epochs_done"), [("min", 3), ("max", 10)])
    def test_early_stopping_knows_which_way_a_metric_gets_better(
        self, train_config, iris, registry, goal: str, epochs_done: int
    ) -> None:
        @registry.register("metric", "rising", goal=goal)
        class Rising:
            def __init__(self) -> None:
                self.calls = 0

            def __call__(self, outputs) -> float:
                self.calls += 1
                return self.calls

        iris["run"]["epochs"] = 10
        iris["metrics"] = ["rising"]
        iris["early_stopping"] = {"use": "no_improvement", "monitor": "val/rising", "window": 2}

        assert train_config(iris).outcome.epochs_done == epochs_done

    def test_a_loss_gets_better_downwards(self, train_config, iris) -> None:
        iris["run"]["epochs"] = 4
        iris["optimizer"]["lr"] = 0.01
        iris["early_stopping"] = {"use": "no_improvement", "monitor": "train/cross_entropy", "window": 1}

        assert train_config(iris).outcome.reason == "finished"


def test_scores_that_are_no_finite_numbers_are_published_as_they_are(train_config, iris) -> None:
    iris |= {"optimizer": {"use": "sgd", "lr": 1e30}, "trainer": {"on_nonfinite": "continue"}}
    result = train_config(iris).published.of(EvaluationResult)[-1]

    [loss] = result.loss_scores
    assert (loss.loss, loss.split) == ("cross_entropy", "test")
    assert math.isnan(loss.score)
    assert result.metric_scores[0] == MetricScore(metric="accuracy", split="test", score=result.metric_scores[0].score)


@pytest.mark.parametrize("name", ["lbfgs", "sgd", "rmsprop", "adamw"])
def test_optimizers_of_torch_train(train_config, iris, name: str) -> None:
    iris["run"]["epochs"] = 10
    iris["optimizer"] = {"use": name, "lr": 0.05}

    assert accuracies(train_config(iris))[-1] > 0.7


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


def test_training_leaves_torch_s_settings_as_they_were(train_config, iris) -> None:
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark

    train_config(iris)

    assert (torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark) == before


def test_progress_is_told_as_often_where_a_step_takes_several_batches(train_config, iris) -> None:
    iris["loaders"]["batch_size"] = 2
    iris["trainer"] = {"accumulate": 4}

    told = [
        each.current_batch
        for each in train_config(iris).published.of(ExperimentStatus)
        if each.status == "train" and each.current_epoch == 0
    ]

    assert len(told) == 10
    assert told[-1] == 41


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
