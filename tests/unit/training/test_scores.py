"""From a configuration to scores: losses and metrics as they are written, through training and evaluation."""

import math

import pytest

from mlgym_core.events.types import EvaluationResult, LogLines
from mlgym_core.training import rehearse


def last_scores(trained) -> dict[str, float]:
    result = next(each for each in reversed(trained.published.of(EvaluationResult)) if each.metric_scores)
    metrics = {each.metric: each.score for each in result.metric_scores}
    return metrics | {each.loss: each.score for each in result.loss_scores}


def test_every_form_of_a_loss_can_be_written(train_config, assemble, iris) -> None:
    iris["loss"] = {
        "use": "sum",
        "name": "total",
        "terms": [
            {"loss": "cross_entropy"},
            {"loss": {"use": "scaled", "loss": "cross_entropy", "calibrate": 3}, "weight": 0.5},
            {"loss": {"use": "scaled", "loss": {"use": "multi_margin", "weight": [1.0, 2.0, 1.0]}, "by": 4.0}},
        ],
    }
    iris["losses"] = ["cross_entropy", {"use": "multi_margin", "name": "margin"}]

    rehearse(assemble(iris))
    scores = last_scores(train_config(iris))

    assert list(scores) == ["accuracy", "f1", "total", "cross_entropy", "margin"]
    assert all(math.isfinite(each) for each in scores.values())
    assert scores["total"] > scores["cross_entropy"] > 0


def test_every_form_of_a_metric_can_be_written(train_config, assemble, iris) -> None:
    iris["data"] = "breast_cancer"
    iris["model"]["sizes"] = [30, 4, 1]
    iris["loss"] = "bce_with_logits"
    iris["metrics"] = [
        {"use": "recall_at", "k": [2, 50], "class_label": 1},
        {"use": "area_under_recall_at", "k": [2, 50], "name": "area"},
        "ece",
        "classwise_ece",
        "brier",
        "neg_brier_score",
        "roc_auc",
        {"use": "f1", "name": "careful", "post_processing": ["sigmoid", {"use": "binarization", "threshold": 0.9}]},
        {"use": "log_loss", "post_processing": "sigmoid"},
        {"use": "f1", "given": "labels"},
    ]
    iris["early_stopping"] = {"use": "no_improvement", "monitor": "val/recall_at_50", "window": 10}

    rehearse(assemble(iris))
    scores = last_scores(train_config(iris))

    assert scores["neg_brier_score"] == -scores["brier"]
    assert 0 < scores["recall_at_2"] < scores["recall_at_50"]
    assert scores["area"] == pytest.approx(48 * (scores["recall_at_2"] + scores["recall_at_50"]) / 2)
    assert scores["careful"] != scores["f1"]
    assert scores["log_loss"] == pytest.approx(scores["bce_with_logits"], rel=1e-6)
    assert all(0 <= scores[name] <= 1 for name in ("ece", "classwise_ece", "roc_auc", "careful", "f1"))


def test_a_goal_is_known_for_each_score_of_a_metric(assemble, iris) -> None:
    iris["metrics"] = [
        {"use": "ece", "sum_up_bins": False, "num_bins": 2},
        {"use": "recall_at", "k": [3], "goal": "min"},
        "accuracy",
    ]
    iris["losses"] = ["nll"]

    assert assemble(iris).score_goals == {
        "ece_0": "min",
        "ece_1": "min",
        "recall_at_3": "min",
        "accuracy": "max",
        "cross_entropy": "min",
        "nll": "min",
    }


def test_a_score_that_is_not_defined_for_a_split_is_a_warning_and_no_end(
    train_config, assemble, iris, registry
) -> None:
    @registry.register("splits", "one_class")
    def one_class(source) -> dict:
        return {"train": source, "val": source.subset((source.targets == 1).nonzero().flatten())}

    iris["data"] = "breast_cancer"
    iris["splits"] = {"use": "one_class", "source": "$data.train"}
    iris["model"]["sizes"] = [30, 1]
    iris["loss"] = "bce_with_logits"
    iris["metrics"] = ["roc_auc", "accuracy"]

    rehearse(assemble(iris))
    published = train_config(iris).published

    (warning,) = [line for each in published.of(LogLines) for line in each.lines]
    assert warning.startswith("the score val/roc_auc is not defined: Only one class is present in y_true")
    of_val = [each for each in published.of(EvaluationResult) if each.metric_scores[0].split == "val"]
    assert len(of_val) == 3
    assert all(math.isnan(each.metric_scores[0].score) for each in of_val)
    assert all(math.isfinite(each.metric_scores[1].score) for each in of_val)
