"""MLgym's data sets, their division and their loaders become native ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

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


@pytest.fixture
def loaders_with(lower) -> Callable[..., Any]:
    """The loaders of a definition with this config."""

    def loaders_with(config: str, variant: str = "DEFAULT") -> Any:
        return lower(LOADERS.replace("CONFIG", config).replace("VARIANT", variant))["loaders"]

    return loaders_with


def test_mnist_reads_the_folder_of_its_repository(lower) -> None:
    assert lower(DATA) == {"data": {"use": "mnist", "folder": "./files/"}}


def test_loader_takes_the_subscribed_splits_in_their_order(loaders_with) -> None:
    loaders = loaders_with("{batch_size: 4}")
    assert list(loaders["splits"].items()) == [("test", "$data.test"), ("train", "$data.train")]


@pytest.mark.parametrize(
    ("seeds", "seed"), [("[7, 8]", {"seed": 8}), ("{train: 3, test: 4}", {"seed": 3}), ("{test: 4}", {}), ("[7]", {})]
)
def test_seed_of_the_training_split_draws_the_order(loaders_with, seeds: str, seed: dict[str, int]) -> None:
    loaders = loaders_with(f"{{batch_size: 4, seeds: {seeds}}}")
    assert {key: value for key, value in loaders.items() if key == "seed"} == seed


def test_weighted_sampling_of_one_split(loaders_with) -> None:
    assert loaders_with("{batch_size: 4, weigthed_sampling_split_name: train}")["sampling"] == {"train": "weighted"}
    assert "sampling" not in loaders_with("{batch_size: 4, weigthed_sampling_split_name: null}")


def test_sampling_strategies_of_the_future_loader(loaders_with) -> None:
    strategies = "{train: {strategy: WEIGHTED_RANDOM, seed: 10, label_pos: 2}}"
    loaders = loaders_with(f"{{batch_size: 4, sampling_strategies: {strategies}, drop_last: true}}", "FUTURE")
    assert loaders["sampling"] == {"test": "in_order", "train": "weighted"}
    assert (loaders["seed"], loaders["drop_last"]) == (10, True)


def test_each_divided_source_becomes_a_split_of_its_own(lower) -> None:
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


def test_splits_of_splits(lower) -> None:
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
