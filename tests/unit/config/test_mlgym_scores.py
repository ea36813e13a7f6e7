"""MLgym's losses, metrics and post-processors become native ones, each as it is computed there."""

from __future__ import annotations

from typing import Any

import pytest

F1_READS = "tag: f1\n        params: {average: macro}\n        prediction_subscription_key: "
METRIC = "        tag: f1\n        params: {average: macro}\n"


def test_evaluation_of_some_splits_is_told_to_the_evaluator(lower, example_with) -> None:
    text = example_with(
        "subscription: [train, val, test]\n    - name: loss_function_registry",
        "subscription: [val]\n    - name: loss_function_registry",
    )
    assert lower(text)["evaluator"] == {"splits": ["val"]}


def test_loss_is_reported_under_the_tag_of_the_evaluation(lower, example_with) -> None:
    text = example_with("tag: cross_entropy\n      prediction", "tag: training_loss\n      prediction")
    assert lower(text)["loss"] == {"use": "cross_entropy", "name": "cross_entropy"}


def test_losses_of_the_evaluation_stand_beside_the_one_that_is_trained_on(lower, example_with) -> None:
    more = "- {key: BCEWithLogitsLoss, tag: bce}\n      - {key: LPLoss, tag: lp, root: 2, average_batch_loss: false}\n"
    native = lower(example_with("- key: CrossEntropyLoss\n", f"{more}      - key: CrossEntropyLoss\n"))

    assert native["loss"] == {"use": "cross_entropy", "name": "cross_entropy"}
    assert native["losses"] == [
        {"use": "bce_with_logits", "name": "bce", "reduction": "batchmean"},
        {"use": "lp", "name": "lp", "root": 2, "reduction": "sum"},
    ]


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("{key: NLLLoss}", {"use": "cross_entropy", "reduction": "sum"}),
        ("{key: BCELoss}", {"use": "bce", "reduction": "batchmean"}),
        ("{key: BCELoss, average_batch_loss: false}", {"use": "bce", "reduction": "sum"}),
        ("{key: BCEWithLogitsLoss, flatten_predictions: true}", {"use": "bce_with_logits", "reduction": "batchmean"}),
        ("{key: LPPredictionLoss, exponent: 3}", {"use": "lp", "exponent": 3}),
        ("{key: huber, delta: 2.0}", {"use": "huber", "delta": 2.0}),
        (
            "{key: CrossEntropyLoss, average_batch_loss: {sweep: absolute, values: [true, false]}}",
            {"use": "cross_entropy", "reduction": {"sweep": ["mean", "sum"]}},
        ),
        (
            "{key: MultiLoss, loss_terms: [{key: LPLoss}, {key: BCELoss}], loss_weights: [1, 0.5], "
            "scalers: [NoScaler, MeanScaler]}",
            {
                "use": "sum",
                "terms": [
                    {"loss": {"use": "lp"}, "weight": 1},
                    {
                        "loss": {
                            "use": "scaled",
                            "loss": {"use": "bce", "reduction": "batchmean"},
                            "calibrate": 100,
                        },
                        "weight": 0.5,
                    },
                ],
            },
        ),
    ],
)
def test_losses(lower, loss: str, expected: Any) -> None:
    text = f"train: {{component_type_key: TRAIN_COMPONENT, config: {{loss_fun_config: {loss}}}}}"
    assert lower(text) == {"loss": expected}


@pytest.mark.parametrize(
    ("loss", "fault"),
    [
        ("key: LPLos", "MG240 loss has no 'LPLos'; did you mean 'LPLoss'?"),
        ("key: LPLoss, rot: 2", "MG240 a loss has no 'rot'; did you mean 'root'?"),
        ("key: LPLoss, class_selection_fun_params: {selected_class: 1}", "MG241 a loss of one class's samples"),
        ("key: MultiLoss, loss_terms: [{key: LPLoss}], loss_weights: [1, 2]", "MG243 MultiLoss needs loss_terms"),
        ("key: MultiLoss, loss_terms: [{key: LPLoss}], scalers: [MinScaler]", "MG240 scalers has no 'MinScaler'"),
    ],
)
def test_faults_of_losses(faults_of, loss: str, fault: str) -> None:
    (found,) = faults_of(f"train: {{component_type_key: TRAIN_COMPONENT, config: {{loss_fun_config: {{{loss}}}}}}}")
    assert found.startswith(fault)


def test_scores_may_be_computed_on_some_splits_alone(lower, example_with) -> None:
    computed = "metrics_computation_config: [{metric_tag: f1, applicable_splits: [val]}]"
    text = example_with("    train_split_name: train\n", f"    train_split_name: train\n    {computed}\n")

    assert lower(text)["evaluator"] == {"applicable_splits": {"f1": ["val"], "precision": [], "recall": []}}


@pytest.mark.parametrize(
    ("values", "expected"), [(("CrossEntropyLoss", "BCELoss"), 1), (("CrossEntropyLoss", "cross_entropy"), 0)]
)
def test_a_loss_that_some_values_of_a_sweep_train_on_must_be_that_of_all(
    faults_of, values: tuple[str, str], expected: int
) -> None:
    text = f"""
train:
  component_type_key: TRAIN_COMPONENT
  config: {{loss_fun_config: {{sweep: absolute, values: [{{key: {values[0]}}}, {{key: {values[1]}}}]}}}}
evaluation:
  component_type_key: EVAL_COMPONENT
  config: {{loss_funs_config: [{{key: CrossEntropyLoss}}]}}
"""
    found = [each for each in faults_of(text) if each.startswith("MG241 a loss that only some of a sweep's values")]
    assert len(found) == expected


def test_metric_of_labels_must_not_read_raw_outputs(example_with, faults_of) -> None:
    text = example_with(
        f"{F1_READS}*postprocessing_argmax_key_anchor",
        f"{F1_READS}*model_prediction_key_anchor",
    )
    (fault,) = faults_of(text)
    assert fault == "MG244 F1_SCORE compares labels, but 'model_prediction_key' holds the outputs of the model"


def test_metric_is_given_what_it_subscribes_to(lower, example_with) -> None:
    text = example_with("key: ARG_MAX", "key: SOFT_MAX").replace("key: F1_SCORE", "key: AUROC")
    text = text.replace("key: PRECISION", "key: AUPR").replace("key: RECALL", "key: BRIER_SCORE")
    assert [(each["use"], each["given"]) for each in lower(text)["metrics"]] == [
        ("roc_auc", "probabilities"),
        ("average_precision", "probabilities"),
        ("brier", "probabilities"),
    ]


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (
            "key: RECALL_AT_K\n        class_label: 2\n        k_vals: [2, 3]\n        sort_descending: false",
            {"use": "recall_at", "k": [2, 3], "class_label": 2, "descending": False},
        ),
        (
            "key: AREA_UNDER_RECALL_AT_K\n        class_label: 1\n        k_vals: [2, 3]\n        normalize: true",
            {"use": "area_under_recall_at", "k": [2, 3], "class_label": 1, "normalize": True},
        ),
        (
            "key: EXPECTED_CALIBRATION_ERROR\n        num_bins: 5\n        class_label: 0\n        sum_up_bins: false",
            {"use": "ece", "num_bins": 5, "class_label": 0, "sum_up_bins": False},
        ),
        (
            "key: BINARY_CLASSWISE_EXPECTED_CALIBRATION_ERROR\n        num_bins: 5\n        class_labels: [0, 1]\n"
            "        prediction_subscription_key_1: model_prediction_key",
            {"use": "classwise_ece", "num_bins": 5, "class_labels": [0, 1]},
        ),
        ("key: mcc", {"use": "mcc"}),
    ],
)
def test_metrics(lower, example_with, metric: str, expected: Any) -> None:
    text = example_with(f"key: F1_SCORE\n{METRIC}", f"{metric}\n        tag: f1\n").replace(
        "key: ARG_MAX", "key: SOFT_MAX", 1
    )
    text = text.replace("key: PRECISION", "key: AUROC").replace("key: RECALL\n", "key: AUPR\n")

    assert lower(text)["metrics"][0] == {**expected, "given": "probabilities", "name": "f1"}


@pytest.mark.parametrize(
    ("post_processors", "expected"),
    [
        (
            "{key: SIGMOIDAL, prediction_subscription_key: model_prediction_key, prediction_publication_key: p},"
            "{key: BINARIZATION, params: {threshold: 0.3, prediction_subscription_key: p, "
            "prediction_publication_key: q}}",
            {"post_processing": [{"use": "sigmoid"}, {"use": "binarization", "threshold": 0.3}]},
        ),
        (
            "{key: SOFT_MAX, prediction_subscription_key: model_prediction_key, prediction_publication_key: p},"
            "{key: ARG_MAX, prediction_subscription_key: p, prediction_publication_key: q}",
            {"given": "labels"},
        ),
        (
            "{key: MIN_OR_MAX, params: {agg_fun: max, prediction_subscription_key: model_prediction_key, "
            "prediction_publication_key: p}},"
            "{key: BINARIZATION, params: {prediction_subscription_key: p, prediction_publication_key: q}}",
            {"post_processing": [{"use": "min_or_max", "which": "max"}, {"use": "binarization"}]},
        ),
    ],
)
def test_post_processors_follow_the_keys_that_they_publish(
    lower, example_with, post_processors: str, expected: Any
) -> None:
    text = example_with(
        "      - key: ARG_MAX\n        prediction_subscription_key: *model_prediction_key_anchor\n"
        "        prediction_publication_key: *postprocessing_argmax_key_anchor\n",
        f"      [{post_processors.replace('_key: q', '_key: postprocessing_argmax_key')}]\n",
    )

    (metric, *_) = lower(text)["metrics"]
    assert {key: metric.get(key) for key in expected} == expected


def test_a_loss_of_post_processed_predictions_is_refused(example_with, faults_of) -> None:
    old = "- key: CrossEntropyLoss\n        tag: cross_entropy\n        prediction_subscription_key: "
    text = example_with(f"{old}*model_prediction_key_anchor", f"{old}*postprocessing_argmax_key_anchor")

    (fault,) = faults_of(text)
    assert fault == "MG241 a loss of post-processed predictions is not available"


def test_metric_must_read_what_is_published(example_with, faults_of) -> None:
    text = example_with(
        f"{F1_READS}*postprocessing_argmax_key_anchor",
        f"{F1_READS}postprocessing_argmx_key",
    )
    (fault,) = faults_of(text)
    assert fault.endswith("has no 'postprocessing_argmx_key'; did you mean 'postprocessing_argmax_key'?")
