"""What configurations can say of data: from YAML to batches."""

from typing import Any

import pytest
import torch

from mlgym_core.components.data.loaders import Loader
from mlgym_core.components.data.streams import StreamLoader
from mlgym_core.config.native import load_config
from mlgym_core.config.nodes import to_plain
from mlgym_core.config.yaml_reader import load_yaml
from mlgym_core.registry import build, default_registry, resolve
from mlgym_core.training.seeding import seed_all


def components(text: str) -> Any:
    resolved = resolve(load_config(to_plain(load_yaml(text, "gs_config.yml"))), default_registry)
    relevant = [each for each in resolved.diagnostics if each.code != "MG208"]  # there is no model to train
    assert relevant == []
    return build(resolved.config, default_registry, seed_all=seed_all)


def loaders(text: str) -> dict[str, Loader]:
    return components(text)["loaders"]


def test_features_by_name_and_version() -> None:
    found = loaders(
        """
data: {use: iris, standardize: false}
splits: {use: stratified, source: $data.train, fractions: {train: 0.8, val: 0.2}}
features:
  use: iris_v1_features_v1
  splits: {train: $splits.train, val: $splits.val, test: $data.test}
loaders: {splits: $features}
"""
    )

    assert list(found) == ["train", "val", "test"]
    assert found["train"].source.inputs.mean(0).abs().max() < 1e-6
    assert found["test"].source.features == "iris_v1_features_v1"
    assert found["train"].num_batches == 3


def test_features_of_ones_own_with_estimators_by_name(tmp_path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("age,city,y\n" + "1,Rome,0\n2,Oslo,1\n,Rome,0\n4,Rome,1\n" * 3)
    found = loaders(
        f"""
data: {{use: csv, path: {table}, target: y, test_fraction: 0}}
features:
  splits: $data
  version: 2
  columns: [age]
  steps: [{{use: simple_imputer, strategy: median}}, min_max_scaler]
  others:
    - {{use: columns, columns: [city], steps: [{{use: one_hot_encoder, handle_unknown: ignore}}]}}
loaders: {{splits: $features, batch_size: 4}}
"""
    )

    source = found["train"].source
    assert (source.features, source.feature_names) == ("table_features_v2", ("age", "city_Oslo", "city_Rome"))
    assert source.inputs.min() == 0
    assert source.inputs.max() == 1
    assert source.encode({"age": [float("nan")], "city": ["Bonn"]})[0, 1:].tolist() == [0, 0]


def test_each_operation_on_data_sets() -> None:
    built = components(
        """
data: {use: digits, flatten: true}
read: {kind: splits, use: in_memory, splits: $data}
few: {kind: splits, use: filtered, splits: $read, labels: [1, 7, "8"], only: [train]}
two: {kind: splits, use: mapped, splits: {train: $few.train}, mappings: [{labels: [1, 7], to: 0}, {labels: [8], to: 1}]}
mixed: {kind: splits, use: shuffled, splits: $two}
views: {kind: splits, use: viewed, source: $mixed.train, indices: {train: [0, 1, 2, 3], val: [4, 5]}}
splits: {use: combined, splits: {train: [$views.train, $views.val], val: [$views.val]}}
rows: {kind: splits, use: one_hot, splits: $splits, num_classes: 2}
loaders: {splits: $rows, batch_size: 3}
"""
    )

    assert built["few"]["test"] is built["data"]["test"]
    assert built["few"]["train"].targets.unique().tolist() == [1, 7, 8]
    assert (built["two"]["train"].task, built["two"]["train"].num_classes) == ("binary", 2)
    assert built["mixed"]["train"].targets.tolist() != built["two"]["train"].targets.tolist()
    assert {name: len(each) for name, each in built["splits"].items()} == {"train": 6, "val": 2}
    assert built["loaders"]["train"].sample(2)[1].shape == (2, 2)


@pytest.mark.parametrize(
    "transform",
    [
        "random_flip",
        "{use: random_shift, max_shift: 1}",
        "{use: random_erase, size: 3}",
        "{use: gaussian_noise, deviation: 0.1}",
        "{use: feature_dropout, chance: 0.2}",
    ],
)
def test_each_transform_changes_what_training_sees_and_nothing_else(transform: str) -> None:
    found = loaders(
        f"data: digits\nloaders: {{splits: $data, transforms: [{transform}], sampling: {{train: in_order}}}}"
    )

    (seen, _), (raw, _) = next(found["train"].epoch(0)), next(found["train"].evaluation())
    assert not torch.equal(seen, raw[:32])
    assert torch.equal(raw, found["train"].source.inputs[:256])
    assert torch.equal(next(found["train"].epoch(0))[0], seen)


@pytest.mark.parametrize("collator", ["default", "{use: pad, value: 0}"])
def test_each_collator(collator: str) -> None:
    found = loaders(f"data: iris\ncollator: {collator}\nloaders: {{splits: $data, batch_size: 4}}")

    assert isinstance(found["train"], StreamLoader)
    assert next(found["train"].epoch(0))[0].shape == (4, 4)


def test_settings_of_loaders() -> None:
    found = loaders(
        """
data: iris
loaders: {splits: $data, sampling: {train: [0.0, 1.0, 1.0]}, num_workers: 2, prefetch_factor: 4, pin_memory: true}
"""
    )

    drawn = torch.cat([targets for _, targets in found["train"].epoch(0)])
    assert set(drawn.tolist()) == {1, 2}


def test_mlgyms_words_for_data() -> None:
    built = components(
        """
imports: []
iterators:
  component_type_key: DATASET_ITERATORS
  config: {dataset_identifier: iris, split_configs: [{split: train}, {split: test}]}
read: {component_type_key: IN_MEMORY_DATASET_ITERATORS, requirements: [{name: iterators, component_name: iterators}]}
encoded:
  component_type_key: FEATURE_ENCODED_ITERATORS
  requirements: [{name: iterators, component_name: read}]
  config:
    applicable_splits: [train, test]
    feature_encoding_configs: [{feature_type: continuous, feature_names: [0, 2], train_split: train}]
filtered:
  component_type_key: FILTERED_LABELS_ITERATOR
  requirements: [{name: iterators, component_name: encoded}]
  config: {filtered_labels: [0, 2], applicable_splits: [train, test]}
mapped:
  component_type_key: MAPPED_LABELS_ITERATOR
  requirements: [{name: iterators, component_name: filtered}]
  config: {mappings: [{previous_labels: [2], new_label: 1}], applicable_splits: [train, test]}
shuffled:
  component_type_key: SHUFFLED_DATASET_ITERATORS
  requirements: [{name: iterators, component_name: mapped}]
  config: {seeds: {train: 3}, applicable_splits: [train]}
both:
  component_type_key: COMBINED_DATASET_ITERATORS
  requirements: [{name: first, component_name: shuffled}, {name: second, component_name: mapped}]
  config:
    combine_configs:
      - {new_split: train, old_splits: [{iterators_name: first, splits: [train]}]}
      - new_split: all
        old_splits: [{iterators_name: first, splits: [train]}, {iterators_name: second, splits: [test]}]
rows:
  component_type_key: ONE_HOT_ENCODED_TARGETS_ITERATOR
  requirements: [{name: iterators, component_name: both}]
  config: {target_vector_size: 2, applicable_splits: [train, all]}
view:
  component_type_key: ITERATOR_VIEW
  requirements: [{name: iterators, component_name: rows}]
  config: {applicable_split: all, split_indices: {train: [0, 1, 2], val: [99]}}
loaders:
  component_type_key: DATA_LOADER
  requirements: [{name: iterators, component_name: view}]
  config: {batch_size: 2}
"""
    )

    assert {name: len(each) for name, each in built["both"].items()} == {"train": 80, "all": 100}
    assert built["both"]["train"].task == "binary"
    assert [loader.sample(1)[1].shape for loader in built["loaders"].values()] == [(1, 2), (1, 2)]
