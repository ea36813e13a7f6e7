"""MLgym's words become the native dialect, with their places, or one clear list of faults."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlgym_core.config.mlgym_dialect import is_mlgym, lower_mlgym
from mlgym_core.config.nodes import Mapping, from_plain, to_plain
from mlgym_core.config.sweeps import expand
from mlgym_core.config.yaml_reader import load_yaml
from mlgym_core.errors import ConfigError, Place

EXAMPLE = Path(__file__).parents[3] / "example" / "mlgym_dialect" / "gs_config.yml"


def read(text: str) -> Mapping:
    return load_yaml(text, "gs_config.yml")


def lower(text: str) -> dict[str, Any]:
    return to_plain(lower_mlgym(read(text)))


def example_with(old: str, new: str) -> str:
    """The example's text with one passage replaced, which must be there."""
    text = EXAMPLE.read_text()
    assert text.count(old) == 1, f"{text.count(old)} x {old!r}"
    return text.replace(old, new)


def faults_of(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        lower(text)
    return [f"{each.code} {each.message}" for each in caught.value.diagnostics]


def test_only_component_type_key_makes_a_file_mlgym() -> None:
    assert is_mlgym(read("model: {component_type_key: MODEL}"))
    assert not is_mlgym(read("model: {use: mlp}\nloss: cross_entropy\nmetrics: [f1]"))


def test_example_becomes_the_native_tree() -> None:
    assert lower(EXAMPLE.read_text()) == {
        "imports": ["conv_net", "collator"],
        "run": {"epochs": 5, "seed": 2, "description": "A conv net on digits"},
        "model_info": {
            "model_description": "A small conv net that reads handwritten digits.",
            "model_version": "1.0.0",
        },
        "data": {"use": "digits", "image_size": 28},
        "splits": {"use": "random", "source": "$data.train", "fractions": {"train": 0.7, "val": 0.3}, "seed": 2},
        "collator": {"use": "id_digits_collator", "kind": "injectable"},
        "loaders": {
            "use": "batches",
            "splits": {"train": "$splits.train", "val": "$splits.val", "test": "$data.test"},
            "batch_size": {"sweep": [10, 50, 100]},
            "collate": "$collator",
            "seed": 2,
        },
        "model": {"use": "conv_net", "channels": [8, 16], "hidden": 64, "seed": 2},
        "optimizer": {"use": "adam", "lr": {"sweep": [0.1, 0.01, 0.001, 0.0001]}},
        "loss": {"use": "cross_entropy", "name": "cross_entropy"},
        "metrics": [
            {"use": "f1", "average": "macro", "given": "labels", "name": "f1"},
            {"use": "precision", "average": "macro", "given": "labels", "name": "precision"},
            {"use": "recall", "average": "macro", "given": "labels", "name": "recall"},
        ],
        "early_stopping": {
            "use": "last_k_epochs_improvement",
            "monitor": "val/f1",
            "window": 3,
            "min_rel": 0.01,
            "increasing": True,
        },
        "checkpointing": {"use": "last_epoch"},
    }


def test_nodes_keep_their_places() -> None:
    lines = EXAMPLE.read_text().splitlines()
    tree = lower_mlgym(read(EXAMPLE.read_text()))

    def line_of(*path: str) -> str:
        node: Any = tree
        for key in path:
            node = node[key]
        return lines[node.place.line - 1][node.place.column - 1 :]

    assert line_of("model", "use") == "conv_net"
    assert line_of("model", "channels") == "[8, 16]"
    assert line_of("optimizer", "use") == "ADAM"
    assert line_of("loaders", "batch_size", "sweep") == "[10, 50, 100]"
    assert line_of("early_stopping", "window") == "3"
    channels = tree["model"].key_place("channels")  # type: ignore[union-attr]
    assert lines[channels.line - 1][channels.column - 1 :].startswith("channels:")


def test_file_order_of_sweeps_is_the_order_of_experiments() -> None:
    points = expand(lower_mlgym(read(EXAMPLE.read_text())), 100)
    assert [tuple(point.choices.values()) for point in points] == [
        (batch_size, lr) for batch_size in (10, 50, 100) for lr in (0.1, 0.01, 0.001, 0.0001)
    ]


MODEL = """
model_registry: {component_type_key: MODEL_REGISTRY, variant_key: DEFAULT}
model:
  component_type_key: MODEL
  variant_key: DEFAULT
  requirements: [{name: model_registry, component_name: model_registry, subscription: SUBSCRIPTION}]
  config: CONFIG
"""


def model_with(config: str, subscription: str = "net") -> Any:
    return lower(MODEL.replace("CONFIG", config).replace("SUBSCRIPTION", subscription))["model"]


def test_sweeps_may_stand_anywhere_in_a_definition_and_nest() -> None:
    nested = "{sweep: absolute, values: [{depth: 1}, {depth: {sweep: absolute, values: [2, 3]}}]}"
    assert model_with(f"{{model_definition: {{block: {nested}}}}}") == {
        "use": "net",
        "block": {"sweep": [{"depth": 1}, {"depth": {"sweep": [2, 3]}}]},
    }


def test_sweep_of_a_whole_definition_is_a_sweep_of_the_model() -> None:
    assert model_with("{model_definition: {sweep: absolute, values: [{a: 1}, {b: 2}]}, seed: 4}") == {
        "sweep": [{"use": "net", "a": 1, "seed": 4}, {"use": "net", "b": 2, "seed": 4}]
    }


def test_sweep_of_a_whole_config_is_a_sweep_of_the_model() -> None:
    assert model_with("{sweep: absolute, values: [{model_definition: {a: 1}}, {seed: 2}]}") == {
        "sweep": [{"use": "net", "a": 1}, {"use": "net", "seed": 2}]
    }


def test_sweep_of_the_subscribed_name_is_a_sweep_over_models() -> None:
    assert model_with("{seed: 1}", "{sweep: absolute, values: [net, mlp]}") == {
        "sweep": [{"use": "net", "seed": 1}, {"use": "mlp", "seed": 1}]
    }


def test_native_sweeps_work_among_mlgyms_words() -> None:
    assert model_with("{model_definition: {width: {logspace: [1, 100, 3]}, depth: {sweep: [1, 2]}}}") == {
        "use": "net",
        "width": {"logspace": [1, 100, 3]},
        "depth": {"sweep": [1, 2]},
    }


def test_injectable_in_a_definition_is_a_nested_component() -> None:
    assert model_with("{model_definition: {activation: {injectable: {id: my_relu}}}}") == {
        "use": "net",
        "activation": {"kind": "injectable", "use": "my_relu"},
    }


def test_dollar_sign_begins_no_reference() -> None:
    assert model_with("{model_definition: {currency: $usd}}") == {"use": "net", "currency": "$$usd"}


def test_other_kinds_of_sweep_are_refused() -> None:
    (fault,) = faults_of(MODEL.replace("CONFIG", "{seed: {sweep: random, values: [1]}}").replace("SUBSCRIPTION", "n"))
    assert fault.startswith("MG243 a sweep must be {sweep: absolute, values: [...]}")


OPTIMIZER = "optimizer: {component_type_key: OPTIMIZER, variant_key: DEFAULT, config: CONFIG}"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("{optimizer_key: SGD, params: {lr: 0.1, momentum: 0.9}}", {"use": "sgd", "lr": 0.1, "momentum": 0.9}),
        ("{optimizer_key: Adadelta}", {"use": "adadelta"}),
        (
            "{optimizer_key: {sweep: absolute, values: [ADAM, SGD]}, params: {lr: 0.1}}",
            {"sweep": [{"use": "adam", "lr": 0.1}, {"use": "sgd", "lr": 0.1}]},
        ),
    ],
)
def test_optimizers(config: str, expected: Any) -> None:
    assert lower(OPTIMIZER.replace("CONFIG", config)) == {"optimizer": expected}


BUNDLE = "optimizer: {component_type_key: OPTIMIZER, variant_key: BUNDLE, config: CONFIG}"


def test_a_bundle_of_optimizers_takes_parameters_by_parts_of_their_names() -> None:
    config = """{
      optimizers_config: {
        o_1: {optimizer_key: ADAM, params: {lr: {sweep: absolute, values: [0.1, 0.2]}}}, o_2: {optimizer_key: SGD}},
      optimizer_key_to_param_key_filters: {o_1: [encoder_1, "w[0]*"], o_2: [bias]}}"""

    assert lower(BUNDLE.replace("CONFIG", config)) == {
        "optimizer": {
            "use": "bundle",
            "optimizers": {"o_1": {"use": "adam", "lr": {"sweep": [0.1, 0.2]}}, "o_2": {"use": "sgd"}},
            "parameters": {"o_1": ["*encoder_1*", "*w[[]0][*]*"], "o_2": ["*bias*"]},
        }
    }


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        ("{optimizer_key: SGD}", "MG240 config of 'optimizer' has no 'optimizer_key'"),
        ("{optimizers_config: {}}", "MG243 optimizer_key_to_param_key_filters of 'optimizer' must be a mapping"),
        (
            "{optimizers_config: {a: {optimizer_key: SGD}}, optimizer_key_to_param_key_filters: {a: [1]}}",
            "MG243 optimizer_key_to_param_key_filters must be for each optimizer a list of parts",
        ),
        (
            "{optimizers_config: {a: {params: {}}}, optimizer_key_to_param_key_filters: {a: [b]}}",
            "MG243 optimizer_key of 'a' must be a name",
        ),
    ],
)
def test_what_is_wrong_in_a_bundle_is_told(config: str, fault: str) -> None:
    assert any(each.startswith(fault) for each in faults_of(BUNDLE.replace("CONFIG", config)))


def test_schedules_and_the_dummy_among_them() -> None:
    text = "s: {component_type_key: LR_SCHEDULER, variant_key: DEFAULT, config: CONFIG}"
    step = "{lr_scheduler_key: StepLR, params: {step_size: 2}}"
    assert lower(text.replace("CONFIG", step)) == {"lr_scheduler": {"use": "StepLR", "step_size": 2}}
    assert lower(text.replace("CONFIG", "{lr_scheduler_key: dummy}")) == {}
    both = "{lr_scheduler_key: {sweep: absolute, values: [dummy, ConstantLR]}}"
    assert lower(text.replace("CONFIG", both)) == {"lr_scheduler": {"sweep": [None, {"use": "ConstantLR"}]}}


DATA = """
repository: {component_type_key: DATASET_REPOSITORY, variant_key: DEFAULT, config: {storage_connector_path: ./files/}}
iterators:
  component_type_key: DATASET_ITERATORS
  variant_key: DEFAULT
  requirements: [{name: repository, component_name: repository}]
  config: {dataset_identifier: mnist, split_configs: [{split: train}, {split: test}]}
"""
LOADERS = (
    DATA
    + """
loaders:
  component_type_key: DATA_LOADER
  variant_key: VARIANT
  requirements: [{name: iterators, component_name: iterators, subscription: [test, train]}]
  config: CONFIG
"""
)


def loaders_with(config: str, variant: str = "DEFAULT") -> Any:
    return lower(LOADERS.replace("CONFIG", config).replace("VARIANT", variant))["loaders"]


def test_mnist_reads_the_folder_of_its_repository() -> None:
    assert lower(DATA) == {"data": {"use": "mnist", "folder": "./files/"}}


def test_loader_takes_the_subscribed_splits_in_their_order() -> None:
    loaders = loaders_with("{batch_size: 4}")
    assert list(loaders["splits"].items()) == [("test", "$data.test"), ("train", "$data.train")]


@pytest.mark.parametrize(
    ("seeds", "seed"), [("[7, 8]", {"seed": 8}), ("{train: 3, test: 4}", {"seed": 3}), ("{test: 4}", {}), ("[7]", {})]
)
def test_seed_of_the_training_split_draws_the_order(seeds: str, seed: dict[str, int]) -> None:
    loaders = loaders_with(f"{{batch_size: 4, seeds: {seeds}}}")
    assert {key: value for key, value in loaders.items() if key == "seed"} == seed


def test_weighted_sampling_of_one_split() -> None:
    assert loaders_with("{batch_size: 4, weigthed_sampling_split_name: train}")["sampling"] == {"train": "weighted"}
    assert "sampling" not in loaders_with("{batch_size: 4, weigthed_sampling_split_name: null}")


def test_sampling_strategies_of_the_future_loader() -> None:
    strategies = "{train: {strategy: WEIGHTED_RANDOM, seed: 10, label_pos: 2}}"
    loaders = loaders_with(f"{{batch_size: 4, sampling_strategies: {strategies}, drop_last: true}}", "FUTURE")
    assert loaders["sampling"] == {"test": "in_order", "train": "weighted"}
    assert (loaders["seed"], loaders["drop_last"]) == (10, True)


SPLITS = (
    DATA
    + """
in_memory:
  component_type_key: IN_MEMORY_DATASET_ITERATORS
  variant_key: DEFAULT
  requirements: [{name: iterators, component_name: iterators}]
parts:
  component_type_key: SPLITTED_DATASET_ITERATORS
  variant_key: RANDOM
  requirements: [{name: iterators, component_name: in_memory}]
  config: CONFIG
loaders:
  component_type_key: DATA_LOADER
  variant_key: DEFAULT
  requirements: [{name: iterators, component_name: parts}]
  config: {batch_size: 4}
"""
)


def test_each_divided_source_becomes_a_split_of_its_own() -> None:
    config = "{split_configs: {train: {train: 0.8, val: 0.2}, test: {a: 0.5, b: 0.5}}, seed: 3, stratified: true}"
    native = lower(SPLITS.replace("CONFIG", config))
    assert native["splits"] == {
        "use": "stratified",
        "source": "$in_memory.train",
        "fractions": {"train": 0.8, "val": 0.2},
        "seed": 3,
    }
    assert (native["splits_test"]["source"], native["splits_test"]["kind"]) == ("$in_memory.test", "splits")
    assert native["loaders"]["splits"] == {
        "train": "$splits.train",
        "test": "$in_memory.test",
        "val": "$splits.val",
        "a": "$splits_test.a",
        "b": "$splits_test.b",
    }


def test_splits_of_splits() -> None:
    again = """
more:
  component_type_key: SPLITTED_DATASET_ITERATORS
  variant_key: RANDOM
  requirements: [{name: iterators, component_name: parts, subscription: [val]}]
  config: {split_configs: {val: {early: 0.5, late: 0.5}}}
"""
    native = lower(SPLITS.replace("CONFIG", "{split_configs: {train: {train: 0.8, val: 0.2}}}") + again)
    assert native["more"] == {
        "use": "random",
        "source": "$splits.val",
        "fractions": {"early": 0.5, "late": 0.5},
        "kind": "splits",
    }


def test_evaluation_of_some_splits_is_told_to_the_evaluator() -> None:
    text = example_with(
        "subscription: [train, val, test]\n    - name: loss_function_registry",
        "subscription: [val]\n    - name: loss_function_registry",
    )
    assert lower(text)["evaluator"] == {"splits": ["val"]}


def test_loss_is_reported_under_the_tag_of_the_evaluation() -> None:
    text = example_with("tag: cross_entropy\n      prediction", "tag: training_loss\n      prediction")
    assert lower(text)["loss"] == {"use": "cross_entropy", "name": "cross_entropy"}


def test_training_on_a_split_of_another_name() -> None:
    native = lower(example_with("subscription: train\n", "subscription: val\n"))
    assert native["trainer"] == {"split": "val"}
    assert "sampling" not in native["loaders"]  # the native loaders draw whatever is trained on at random


def test_early_stopping_watches_a_score_of_a_split() -> None:
    text = example_with("split_name: val", "split_name: {sweep: absolute, values: [train, val]}")
    assert lower(text)["early_stopping"]["monitor"] == {"sweep": ["train/f1", "val/f1"]}


@pytest.mark.parametrize(
    ("key", "use"),
    [
        ("SAVE_ALL_CHECKPOINTING_STRATEGY", "every_epoch"),
        ("SAVE_MOST_RECENT_EPOCH_ONLY_CHECKPOINTING_STRATEGY", "last_epoch"),
    ],
)
def test_checkpointing_strategies(key: str, use: str) -> None:
    assert lower(example_with("SAVE_LAST_EPOCH_ONLY_CHECKPOINTING_STRATEGY", key))["checkpointing"] == {"use": use}


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            "component_type_key: OPTIMIZER",
            "component_type_key: OPTIMISER",
            "MG240 component_type_key has no 'OPTIMISER'; did you mean 'OPTIMIZER'?",
        ),
        (
            "optimizer_key: ADAM",
            "optimiser_key: ADAM\n    optimizer_key: ADAM",
            "MG240 config of 'optimizer' has no 'optimiser_key'; did you mean 'optimizer_key'?",
        ),
        (
            "variant_key: RANDOM",
            "variant_key: RANDON",
            "MG240 variant_key of SPLITTED_DATASET_ITERATORS has no 'RANDON'",
        ),
        ("key: F1_SCORE", "key: F1_SCORES", "MG240 metric has no 'F1_SCORES'; did you mean 'F1_SCORE'?"),
        (
            "key: F1_SCORE\n        tag: f1\n        params: {average: macro}",
            "key: RECALL_AT_K\n        tag: f1\n        k: [2]",
            "MG240 a metric has no 'k'",
        ),
        ("key: ARG_MAX", "key: ARGMAX", "MG240 post-processor has no 'ARGMAX'; did you mean 'ARG_MAX'?"),
        (
            "subscription: [train, test]",
            "subscription: [train, tset]",
            "MG242 'dataset_iterators' gives no split 'tset'",
        ),
        (
            "component_name: data_collator",
            "component_name: optimizer",
            "MG242 requirement 'data_collator' of 'data_loaders' is a component of type OPTIMIZER, not DATA_COLLATOR",
        ),
        ("component_name: dataset_iterators", "component_name: dataset_iterator", "MG240 this file has no"),
        (
            "    - name: model_registry\n      component_name: model_registry\n      subscription: conv_net",
            "    []",
            "MG242 'model' lacks the requirement 'model_registry'",
        ),
        ("train_split_name: train", "train_split: train", "MG240 config of 'eval_component' has no 'train_split'"),
        ("sweep: absolute\n      values: [10", "sweep: relative\n      values: [10", "MG243 a sweep must be"),
    ],
)
def test_each_fault_is_told_once(old: str, new: str, fault: str) -> None:
    (found,) = faults_of(example_with(old, new))
    assert found.startswith(fault)


def test_losses_of_the_evaluation_stand_beside_the_one_that_is_trained_on() -> None:
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
def test_losses(loss: str, expected: Any) -> None:
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
def test_faults_of_losses(loss: str, fault: str) -> None:
    (found,) = faults_of(f"train: {{component_type_key: TRAIN_COMPONENT, config: {{loss_fun_config: {{{loss}}}}}}}")
    assert found.startswith(fault)


def test_scores_may_be_computed_on_some_splits_alone() -> None:
    computed = "metrics_computation_config: [{metric_tag: f1, applicable_splits: [val]}]"
    text = example_with("    train_split_name: train\n", f"    train_split_name: train\n    {computed}\n")

    assert lower(text)["evaluator"] == {"applicable_splits": {"f1": ["val"], "precision": [], "recall": []}}


@pytest.mark.parametrize(
    ("values", "expected"), [(("CrossEntropyLoss", "BCELoss"), 1), (("CrossEntropyLoss", "cross_entropy"), 0)]
)
def test_a_loss_that_some_values_of_a_sweep_train_on_must_be_that_of_all(
    values: tuple[str, str], expected: int
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


F1_READS = "tag: f1\n        params: {average: macro}\n        prediction_subscription_key: "


def test_metric_of_labels_must_not_read_raw_outputs() -> None:
    text = example_with(
        f"{F1_READS}*postprocessing_argmax_key_anchor",
        f"{F1_READS}*model_prediction_key_anchor",
    )
    (fault,) = faults_of(text)
    assert fault == "MG244 F1_SCORE compares labels, but 'model_prediction_key' holds the outputs of the model"


def test_metric_is_given_what_it_subscribes_to() -> None:
    text = example_with("key: ARG_MAX", "key: SOFT_MAX").replace("key: F1_SCORE", "key: AUROC")
    text = text.replace("key: PRECISION", "key: AUPR").replace("key: RECALL", "key: BRIER_SCORE")
    assert [(each["use"], each["given"]) for each in lower(text)["metrics"]] == [
        ("roc_auc", "probabilities"),
        ("average_precision", "probabilities"),
        ("brier", "probabilities"),
    ]


METRIC = "        tag: f1\n        params: {average: macro}\n"


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
def test_metrics(metric: str, expected: Any) -> None:
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
def test_post_processors_follow_the_keys_that_they_publish(post_processors: str, expected: Any) -> None:
    text = example_with(
        "      - key: ARG_MAX\n        prediction_subscription_key: *model_prediction_key_anchor\n"
        "        prediction_publication_key: *postprocessing_argmax_key_anchor\n",
        f"      [{post_processors.replace('_key: q', '_key: postprocessing_argmax_key')}]\n",
    )

    (metric, *_) = lower(text)["metrics"]
    assert {key: metric.get(key) for key in expected} == expected


def test_a_loss_of_post_processed_predictions_is_refused() -> None:
    old = "- key: CrossEntropyLoss\n        tag: cross_entropy\n        prediction_subscription_key: "
    text = example_with(f"{old}*model_prediction_key_anchor", f"{old}*postprocessing_argmax_key_anchor")

    (fault,) = faults_of(text)
    assert fault == "MG241 a loss of post-processed predictions is not available"


def test_metric_must_read_what_is_published() -> None:
    text = example_with(
        f"{F1_READS}*postprocessing_argmax_key_anchor",
        f"{F1_READS}postprocessing_argmx_key",
    )
    (fault,) = faults_of(text)
    assert fault.endswith("has no 'postprocessing_argmx_key'; did you mean 'postprocessing_argmax_key'?")


def test_data_that_requires_itself_is_a_fault() -> None:
    text = """
one: {component_type_key: IN_MEMORY_DATASET_ITERATORS, requirements: [{name: iterators, component_name: two}]}
two: {component_type_key: IN_MEMORY_DATASET_ITERATORS, requirements: [{name: iterators, component_name: one}]}
"""
    assert faults_of(text) == [
        "MG242 'one' requires itself: one -> two -> one",
        "MG242 'two' requires itself: two -> one -> two",
    ]


def test_second_component_of_a_type_is_refused() -> None:
    text = OPTIMIZER.replace("CONFIG", "{optimizer_key: SGD}")
    (fault,) = faults_of(text + "\n" + text.replace("optimizer:", "other:"))
    assert fault == "MG243 'other' is a second OPTIMIZER beside 'optimizer'"


def test_all_faults_come_at_once_in_the_order_of_the_file() -> None:
    text = EXAMPLE.read_text()
    text = (
        text.replace("component_type_key: DATASET_REPOSITORY", "component_type_key: DATASET_REPOSITRY")
        .replace("    seeds:", "    seed:")
        .replace("optimizer_key: ADAM", "optimizer: ADAM\n    optimizer_key: ADAM")
        .replace("key: RECALL\n", "key: RECAL\n")
        .replace("epochs_window: 3", "window: 3\n      epochs_window: 3")
    )
    with pytest.raises(ConfigError) as caught:
        lower(text)
    places = [each.place for each in caught.value.diagnostics]
    assert [each.code for each in caught.value.diagnostics] == ["MG240"] * 5
    lines = text.splitlines()
    assert [lines[place.line - 1][place.column - 1 :].split(":")[0] for place in places if place] == [
        "DATASET_REPOSITRY",
        "seed",
        "optimizer",
        "RECAL",
        "window",
    ]


def test_entry_that_is_no_component_is_a_fault() -> None:
    (fault,) = faults_of(OPTIMIZER.replace("CONFIG", "{optimizer_key: SGD}") + "\nlearning: {rate: 1}")
    assert fault == "MG243 'learning' is no component: it has no component_type_key"


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from paths_of(child, (*path, key))


@pytest.mark.parametrize("junk", [1, [], None, {}, "word", {"sweep": "absolute", "values": [1, {"a": "b"}]}, [{}]])
def test_junk_anywhere_in_the_example_is_lowered_or_is_a_fault(junk: Any) -> None:
    plain = to_plain(read(EXAMPLE.read_text()))
    place = Place(file="gs_config.yml", line=1, column=1)
    outcomes = set()
    for *parents, last in paths_of(plain):
        changed = copy.deepcopy(plain)
        parent = changed
        for key in parents:
            parent = parent[key]
        parent[last] = junk
        tree = from_plain(changed, place)
        assert isinstance(tree, Mapping)
        try:
            lower_mlgym(tree)
            outcomes.add("lowered")
        except ConfigError:
            outcomes.add("refused")
    assert outcomes == {"lowered", "refused"}
