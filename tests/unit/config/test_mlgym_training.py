"""MLgym's optimizers, schedules and what goes with an epoch become native ones."""

from __future__ import annotations

from typing import Any

import pytest

OPTIMIZER = "optimizer: {component_type_key: OPTIMIZER, variant_key: DEFAULT, config: CONFIG}"
BUNDLE = "optimizer: {component_type_key: OPTIMIZER, variant_key: BUNDLE, config: CONFIG}"


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
def test_optimizers(lower, config: str, expected: Any) -> None:
    assert lower(OPTIMIZER.replace("CONFIG", config)) == {"optimizer": expected}


def test_a_bundle_of_optimizers_takes_parameters_by_parts_of_their_names(lower) -> None:
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
def test_what_is_wrong_in_a_bundle_is_told(faults_of, config: str, fault: str) -> None:
    assert any(each.startswith(fault) for each in faults_of(BUNDLE.replace("CONFIG", config)))


def test_schedules_and_the_dummy_among_them(lower) -> None:
    text = "s: {component_type_key: LR_SCHEDULER, variant_key: DEFAULT, config: CONFIG}"
    step = "{lr_scheduler_key: StepLR, params: {step_size: 2}}"
    assert lower(text.replace("CONFIG", step)) == {"lr_scheduler": {"use": "StepLR", "step_size": 2}}
    assert lower(text.replace("CONFIG", "{lr_scheduler_key: dummy}")) == {}
    both = "{lr_scheduler_key: {sweep: absolute, values: [dummy, ConstantLR]}}"
    assert lower(text.replace("CONFIG", both)) == {"lr_scheduler": {"sweep": [None, {"use": "ConstantLR"}]}}


def test_training_on_a_split_of_another_name(lower, example_with) -> None:
    native = lower(example_with("subscription: train\n", "subscription: val\n"))
    assert native["trainer"] == {"split": "val"}
    assert "sampling" not in native["loaders"]  # the native loaders draw whatever is trained on at random


def test_early_stopping_watches_a_score_of_a_split(lower, example_with) -> None:
    text = example_with("split_name: val", "split_name: {sweep: absolute, values: [train, val]}")
    assert lower(text)["early_stopping"]["monitor"] == {"sweep": ["train/f1", "val/f1"]}


@pytest.mark.parametrize(
    ("key", "use"),
    [
        ("SAVE_ALL_CHECKPOINTING_STRATEGY", "every_epoch"),
        ("SAVE_MOST_RECENT_EPOCH_ONLY_CHECKPOINTING_STRATEGY", "last_epoch"),
    ],
)
def test_checkpointing_strategies(lower, example_with, key: str, use: str) -> None:
    assert lower(example_with("SAVE_LAST_EPOCH_ONLY_CHECKPOINTING_STRATEGY", key))["checkpointing"] == {"use": use}
