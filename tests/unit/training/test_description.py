"""What an experiment tells of itself before it trains."""

import torch
from torch.utils.data import TensorDataset

from mlgym_core.events.descriptions import PipelineNode, SplitDescription
from mlgym_core.events.types import EvaluationResult, ExperimentDescribed
from mlgym_core.training.description import pipeline

from .memory import known_of


def test_an_experiment_is_described_once_before_its_first_epoch(train_config, iris) -> None:
    trained = train_config(iris)
    (described,) = trained.published.of(ExperimentDescribed)
    kinds = [type(each) for each in trained.published.payloads]

    assert kinds.index(ExperimentDescribed) < kinds.index(EvaluationResult)
    assert described.model.class_name == "MLP"
    assert described.model.num_parameters == described.model.num_trainable_parameters == 4 * 8 + 8 + 8 * 3 + 3
    assert described.experiment_id == 3


def test_a_repeated_attempt_does_not_describe_itself_again(train_config, iris) -> None:
    known = known_of(train_config(iris).published)

    assert known.is_described
    assert train_config(iris, known=known).published.of(ExperimentDescribed) == []


def test_splits_are_described_with_their_labels(train_config, iris) -> None:
    (described,) = train_config(iris).published.of(ExperimentDescribed)

    assert list(described.data) == ["train", "val", "test"]
    assert described.data["test"] == SplitDescription(
        num_samples=30, task="multiclass", labels={"setosa": 10, "versicolor": 10, "virginica": 10}
    )
    assert sum(split.num_samples for split in described.data.values()) == 150


def test_labels_of_a_regression_or_of_samples_that_are_not_read_are_not_counted(train_config, registry, iris) -> None:
    iris |= {"data": "diabetes", "splits": {"use": "random", "source": "$data.train", "fractions": {"train": 1.0}}}
    iris["loaders"]["splits"] = {"train": "$splits.train"}
    iris |= {"model": {"use": "mlp", "sizes": [10, 1]}, "loss": "mse", "metrics": []}
    (described,) = train_config(iris).published.of(ExperimentDescribed)

    assert described.data["train"].task == "regression"
    assert described.data["train"].labels is None

    @registry.register("data", "lazy")
    def lazy():
        return {"train": TensorDataset(torch.randn(9, 10), torch.randn(9, 1))}

    (described,) = train_config(iris | {"data": "lazy"}).published.of(ExperimentDescribed)

    assert described.data["train"] == SplitDescription(num_samples=9, task="regression")


def test_the_pipeline_is_who_refers_to_whom() -> None:
    config = {
        "run": {"epochs": 1},
        "data": {"use": "digits"},
        "loaders": {"use": "batches", "splits": {"train": "$data.train", "test": "$data.test"}},
        "metrics": [{"use": "f1"}, {"use": "accuracy"}],
        "evaluator": {"use": "full", "loaders": "$loaders", "inner": [{"metrics": "$metrics"}], "price": "$$5"},
    }

    assert pipeline(config) == [
        PipelineNode(slot="data", use=["digits"], needs=[]),
        PipelineNode(slot="loaders", use=["batches"], needs=["data"]),
        PipelineNode(slot="metrics", use=["f1", "accuracy"], needs=[]),
        PipelineNode(slot="evaluator", use=["full"], needs=["loaders", "metrics"]),
    ]
