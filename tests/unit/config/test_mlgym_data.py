"""MLgym's data sets made of data sets become native components under their own names."""

from __future__ import annotations

from typing import Any

import pytest

from mlgym_core.errors import ConfigError

DATA = """
iterators:
  component_type_key: DATASET_ITERATORS
  config: {dataset_identifier: digits, split_configs: [{split: train}, {split: test}]}
"""
LOADERS = """
loaders:
  component_type_key: DATA_LOADER
  requirements: [{name: iterators, component_name: derived}]
  config: {batch_size: 4}
"""


def derived(
    component_type: str, config: str, requirements: str = "[{name: iterators, component_name: iterators}]"
) -> str:
    return f"""
derived:
  component_type_key: {component_type}
  variant_key: DEFAULT
  requirements: {requirements}
  config: {config}
"""


BOTH = {"train": "$data.train", "test": "$data.test"}
ENCODINGS = """{applicable_splits: [train], feature_encoding_configs: [
    {feature_type: continuous, feature_names: [0, 3], train_split: train},
    {feature_type: categorical, feature_names: [1], train_split: train}]}"""


@pytest.mark.parametrize(
    ("component_type", "config", "native", "given"),
    [
        ("IN_MEMORY_DATASET_ITERATORS", "{}", {"use": "in_memory", "splits": BOTH}, ["train", "test"]),
        (
            "SHUFFLED_DATASET_ITERATORS",
            "{seeds: {train: 4}, applicable_splits: [train]}",
            {"use": "shuffled", "splits": BOTH, "seeds": {"train": 4}, "only": ["train"]},
            ["train", "test"],
        ),
        (
            "FILTERED_LABELS_ITERATOR",
            "{filtered_labels: [1, 7], applicable_splits: [train, test]}",
            {"use": "filtered", "splits": BOTH, "labels": [1, 7], "only": ["train", "test"]},
            ["train", "test"],
        ),
        (
            "FILTERED_LABELS_ITERATOR",
            "{}",
            {"use": "filtered", "splits": BOTH, "labels": [], "only": []},
            ["train", "test"],
        ),
        (
            "MAPPED_LABELS_ITERATOR",
            "{mappings: [{previous_labels: [1, 7], new_label: 0}], applicable_splits: [test]}",
            {"use": "mapped", "splits": BOTH, "mappings": [{"labels": [1, 7], "to": 0}], "only": ["test"]},
            ["train", "test"],
        ),
        (
            "ONE_HOT_ENCODED_TARGETS_ITERATOR",
            "{target_vector_size: 10, applicable_splits: [test]}",
            {"use": "one_hot", "splits": BOTH, "num_classes": 10, "only": ["test"]},
            ["test"],
        ),
        (
            "ITERATOR_VIEW",
            "{split_indices: {a: [0, 1], b: [2]}, applicable_split: train, view_tags: {why: trial}}",
            {"use": "viewed", "source": "$data.train", "indices": {"a": [0, 1], "b": [2]}},
            ["a", "b"],
        ),
    ],
)
def test_each_operation_has_its_native_component(
    lower, component_type: str, config: str, native: Any, given: list[str]
) -> None:
    lowered = lower(DATA + derived(component_type, config) + LOADERS)

    assert lowered["derived"] == {**native, "kind": "splits"}
    assert lowered["loaders"]["splits"] == {name: f"$derived.{name}" for name in given}


def test_features_are_encoded_where_they_stand(lower) -> None:
    lowered = lower(DATA + derived("FEATURE_ENCODED_ITERATORS", ENCODINGS) + LOADERS)

    assert lowered["derived"] == {
        "use": "in_place",
        "kind": "features",
        "splits": BOTH,
        "encodings": [
            {"use": "columns", "columns": [0, 3], "steps": ["standard_scaler"]},
            {"use": "columns", "columns": [1], "steps": ["one_hot_encoder"]},
        ],
        "fit_on": "train",
    }
    assert lowered["loaders"]["splits"] == {"train": "$derived.train"}


TWO = """
others:
  component_type_key: DATASET_ITERATORS
  config: {dataset_identifier: digits, split_configs: [{split: train}]}
"""
COMBINATION = """{combine_configs: [
    {new_split: train, old_splits: [{iterators_name: a, splits: [train]}, {iterators_name: b, splits: [train, test]}]},
    {new_split: val, old_splits: [{iterators_name: b, splits: [test]}]}]}"""
REQUIREMENTS = "[{name: a, component_name: others}, {name: b, component_name: iterators}]"


def test_splits_of_several_components_are_combined(lower) -> None:
    lowered = lower(DATA + TWO + derived("COMBINED_DATASET_ITERATORS", COMBINATION, REQUIREMENTS) + LOADERS)

    assert lowered["derived"] == {
        "use": "combined",
        "kind": "splits",
        "splits": {"train": ["$others.train", "$data.train", "$data.test"], "val": ["$data.test"]},
    }
    assert lowered["loaders"]["splits"] == {"train": "$derived.train", "val": "$derived.val"}


def test_a_sweep_may_stand_in_an_operation(lower) -> None:
    config = "{filtered_labels: {sweep: absolute, values: [[1], [2, 3]]}, applicable_splits: [train]}"

    assert lower(DATA + derived("FILTERED_LABELS_ITERATOR", config))["derived"]["labels"] == {"sweep": [[1], [2, 3]]}


def test_operations_follow_one_another(lower) -> None:
    again = """
again:
  component_type_key: ONE_HOT_ENCODED_TARGETS_ITERATOR
  requirements: [{name: iterators, component_name: derived, subscription: [train]}]
  config: {target_vector_size: 2, applicable_splits: [train]}
"""
    lowered = lower(DATA + derived("SHUFFLED_DATASET_ITERATORS", "{}") + again)

    assert lowered["again"]["splits"] == {"train": "$derived.train"}


@pytest.mark.parametrize(
    ("component_type", "config", "fault"),
    [
        ("FILTERED_LABELS_ITERATOR", "{labels: [1]}", "MG240 config of 'derived' has no 'labels'"),
        ("MAPPED_LABELS_ITERATOR", "{mappings: [{previous_labels: [1]}]}", "MG243 a mapping of labels must be"),
        ("ITERATOR_VIEW", "{split_indices: {a: [0]}}", "MG243 config of 'derived' must be split_indices"),
        (
            "ITERATOR_VIEW",
            "{split_indices: {a: [0]}, applicable_split: tain}",
            "MG240 applicable_split of 'derived' has no 'tain'; did you mean 'train'?",
        ),
        (
            "FEATURE_ENCODED_ITERATORS",
            "{feature_encoding_configs: [{feature_type: continous, feature_names: [1]}]}",
            "MG240 feature_type has no 'continous'; did you mean 'continuous'?",
        ),
        (
            "FEATURE_ENCODED_ITERATORS",
            "{feature_encoding_configs: [{feature_type: continuous}]}",
            "MG243 an entry of feature_encoding_configs of 'derived' must be",
        ),
    ],
)
def test_a_word_that_does_not_fit_is_named(lower, component_type: str, config: str, fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        lower(DATA + derived(component_type, config))
    (found,) = caught.value.diagnostics
    assert f"{found.code} {found.message}".startswith(fault)


def test_encoders_are_fitted_on_one_split(lower) -> None:
    text = derived(
        "FEATURE_ENCODED_ITERATORS",
        ENCODINGS.replace("names: [1], train_split: train", "names: [1], train_split: test"),
    )
    with pytest.raises(ConfigError, match="train_split must be the same in all entries"):
        lower(DATA + text)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("iterators_name: a", "iterators_name: c", "iterators_name has no 'c'"),
        ("splits: [train, test]", "splits: [tset]", "splits of 'b' has no 'tset'; did you mean 'test'"),
        ("new_split: val, ", "", "an entry of combine_configs must be {new_split: NAME"),
    ],
)
def test_parts_of_a_combination_that_there_are_not_are_named(lower, old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        lower(DATA + TWO + derived("COMBINED_DATASET_ITERATORS", COMBINATION.replace(old, new), REQUIREMENTS))


def test_a_combination_takes_data_alone(lower) -> None:
    registry = "registry: {component_type_key: MODEL_REGISTRY}"
    text = derived("COMBINED_DATASET_ITERATORS", "{combine_configs: []}", "[{name: a, component_name: registry}]")
    with pytest.raises(
        ConfigError, match="requirement 'a' of 'derived' is a component of type MODEL_REGISTRY, not DATA"
    ):
        lower(DATA + registry + text)


def test_collators_that_come_along_may_be_named(lower) -> None:
    text = (
        "collator: {component_type_key: DATA_COLLATOR, config: {collator_type: pad, collator_params: {lengths: true}}}"
    )

    assert lower(DATA + text)["collator"] == {"use": "pad", "lengths": True}
