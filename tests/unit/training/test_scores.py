"""From a configuration to scores: losses and metrics as they are written, through training and evaluation."""

import math

import pytest

from mlgym_core.config.mlgym_dialect import lower_mlgym
from mlgym_core.config.yaml_reader import load_yaml
from mlgym_core.events.types import EvaluationResult, LogLines
from mlgym_core.registry import resolve
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


MLGYM = """
train: {component_type_key: TRAIN_COMPONENT, config: {loss_fun_config: {key: MultiLoss, tag: total,
  loss_terms: [{key: LPLoss, root: 2}, {key: NLLLoss}], loss_weights: [1, 0.5], scalers: [NoScaler, MeanScaler]}}}
evaluation:
  component_type_key: EVAL_COMPONENT
  requirements: [{name: data_loaders, component_name: loaders}]
  config:
    post_processors_config:
    - {key: SIGMOIDAL, prediction_subscription_key: raw, prediction_publication_key: sigmoid}
    - {key: BINARIZATION, threshold: 0.3, prediction_subscription_key: sigmoid, prediction_publication_key: labels}
    - {key: MIN_OR_MAX, agg_fun: max, prediction_subscription_key: raw, prediction_publication_key: largest}
    metrics_config:
    - {key: F1_SCORE, tag: f1, params: {average: macro}, prediction_subscription_key: labels}
    - {key: RECALL_AT_K, tag: r, class_label: 1, k_vals: [2], prediction_subscription_key: largest}
    - {key: AREA_UNDER_RECALL_AT_K, tag: a, class_label: 1, k_vals: [2, 3], sort_descending: true, normalize: true}
    - {key: EXPECTED_CALIBRATION_ERROR, tag: e, num_bins: 5, class_label: 1, sum_up_bins: true}
    - {key: BINARY_CLASSWISE_EXPECTED_CALIBRATION_ERROR, tag: c, num_bins: 5, class_labels: [0, 1]}
    - {key: BRIER_SCORE, tag: b, prediction_subscription_key: sigmoid}
    loss_funs_config: [{key: BCELoss, tag: bce}, {key: BCEWithLogitsLoss, tag: logits, average_batch_loss: false}]
loaders:
  {component_type_key: DATA_LOADER, requirements: [{name: iterators, component_name: data}], config: {batch_size: 4}}
model_registry: {component_type_key: MODEL_REGISTRY}
model:
  component_type_key: MODEL
  requirements: [{name: model_registry, component_name: model_registry, subscription: mlp}]
  config: {model_definition: {sizes: [2, 1]}, prediction_publication_keys: {prediction_publication_key: raw}}
data: {component_type_key: DATASET_ITERATORS, config: {dataset_identifier: digits, split_configs: [{split: train}]}}
"""


def test_what_mlgym_s_words_become_are_arguments_of_components(registry) -> None:
    resolved = resolve(lower_mlgym(load_yaml(MLGYM, "gs_config.yml")), registry)

    assert [each.message for each in resolved.diagnostics if each.code != "MG208"] == []  # no model, no optimizer
    assert [each["name"] for each in resolved.config["metrics"]] == ["f1", "r", "a", "e", "c", "b"]
    assert [each["name"] for each in resolved.config["losses"]] == ["bce", "logits"]
    steps = [{key: each[key] for key in ("use", "kind")} for each in resolved.config["metrics"][0]["post_processing"]]
    assert steps == [{"use": name, "kind": "post_processor"} for name in ("sigmoid", "binarization")]
