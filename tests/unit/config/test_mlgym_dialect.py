"""MLgym's words become the native dialect, with their places, or one clear list of faults."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlgym_core.config.mlgym_dialect import is_mlgym, lower_mlgym
from mlgym_core.config.nodes import Mapping, from_plain, to_plain
from mlgym_core.config.sweeps import expand
from mlgym_core.config.yaml_reader import load_yaml
from mlgym_core.errors import ConfigError, Place

EXAMPLE = Path(__file__).parents[3] / "example" / "mlgym_dialect" / "gs_config.yml"
MODEL = """
model_registry: {component_type_key: MODEL_REGISTRY, variant_key: DEFAULT}
model:
  component_type_key: MODEL
  variant_key: DEFAULT
  requirements: [{name: model_registry, component_name: model_registry, subscription: SUBSCRIPTION}]
  config: CONFIG
"""
OPTIMIZER = "optimizer: {component_type_key: OPTIMIZER, variant_key: DEFAULT, config: CONFIG}"


def read(text: str) -> Mapping:
    return load_yaml(text, "gs_config.yml")


@pytest.fixture
def model_with(lower) -> Callable[..., Any]:
    """The model of a definition with this config."""

    def model_with(config: str, subscription: str = "net") -> Any:
        return lower(MODEL.replace("CONFIG", config).replace("SUBSCRIPTION", subscription))["model"]

    return model_with


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from paths_of(child, (*path, key))


def test_only_component_type_key_makes_a_file_mlgym() -> None:
    assert is_mlgym(read("model: {component_type_key: MODEL}"))
    assert not is_mlgym(read("model: {use: mlp}\nloss: cross_entropy\nmetrics: [f1]"))


def test_example_becomes_the_native_tree(lower) -> None:
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


def test_sweeps_may_stand_anywhere_in_a_definition_and_nest(model_with) -> None:
    nested = "{sweep: absolute, values: [{depth: 1}, {depth: {sweep: absolute, values: [2, 3]}}]}"
    assert model_with(f"{{model_definition: {{block: {nested}}}}}") == {
        "use": "net",
        "block": {"sweep": [{"depth": 1}, {"depth": {"sweep": [2, 3]}}]},
    }


def test_sweep_of_a_whole_definition_is_a_sweep_of_the_model(model_with) -> None:
    assert model_with("{model_definition: {sweep: absolute, values: [{a: 1}, {b: 2}]}, seed: 4}") == {
        "sweep": [{"use": "net", "a": 1, "seed": 4}, {"use": "net", "b": 2, "seed": 4}]
    }


def test_sweep_of_a_whole_config_is_a_sweep_of_the_model(model_with) -> None:
    assert model_with("{sweep: absolute, values: [{model_definition: {a: 1}}, {seed: 2}]}") == {
        "sweep": [{"use": "net", "a": 1}, {"use": "net", "seed": 2}]
    }


def test_sweep_of_the_subscribed_name_is_a_sweep_over_models(model_with) -> None:
    assert model_with("{seed: 1}", "{sweep: absolute, values: [net, mlp]}") == {
        "sweep": [{"use": "net", "seed": 1}, {"use": "mlp", "seed": 1}]
    }


def test_native_sweeps_work_among_mlgyms_words(model_with) -> None:
    assert model_with("{model_definition: {width: {logspace: [1, 100, 3]}, depth: {sweep: [1, 2]}}}") == {
        "use": "net",
        "width": {"logspace": [1, 100, 3]},
        "depth": {"sweep": [1, 2]},
    }


def test_injectable_in_a_definition_is_a_nested_component(model_with) -> None:
    assert model_with("{model_definition: {activation: {injectable: {id: my_relu}}}}") == {
        "use": "net",
        "activation": {"kind": "injectable", "use": "my_relu"},
    }


def test_dollar_sign_begins_no_reference(model_with) -> None:
    assert model_with("{model_definition: {currency: $usd}}") == {"use": "net", "currency": "$$usd"}


def test_other_kinds_of_sweep_are_refused(faults_of) -> None:
    (fault,) = faults_of(MODEL.replace("CONFIG", "{seed: {sweep: random, values: [1]}}").replace("SUBSCRIPTION", "n"))
    assert fault.startswith("MG243 a sweep must be {sweep: absolute, values: [...]}")


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
def test_each_fault_is_told_once(example_with, faults_of, old: str, new: str, fault: str) -> None:
    (found,) = faults_of(example_with(old, new))
    assert found.startswith(fault)


def test_data_that_requires_itself_is_a_fault(faults_of) -> None:
    text = """
one: {component_type_key: IN_MEMORY_DATASET_ITERATORS, requirements: [{name: iterators, component_name: two}]}
two: {component_type_key: IN_MEMORY_DATASET_ITERATORS, requirements: [{name: iterators, component_name: one}]}
"""
    assert faults_of(text) == [
        "MG242 'one' requires itself: one -> two -> one",
        "MG242 'two' requires itself: two -> one -> two",
    ]


def test_second_component_of_a_type_is_refused(faults_of) -> None:
    text = OPTIMIZER.replace("CONFIG", "{optimizer_key: SGD}")
    (fault,) = faults_of(text + "\n" + text.replace("optimizer:", "other:"))
    assert fault == "MG243 'other' is a second OPTIMIZER beside 'optimizer'"


def test_all_faults_come_at_once_in_the_order_of_the_file(lower) -> None:
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


def test_entry_that_is_no_component_is_a_fault(faults_of) -> None:
    (fault,) = faults_of(OPTIMIZER.replace("CONFIG", "{optimizer_key: SGD}") + "\nlearning: {rate: 1}")
    assert fault == "MG243 'learning' is no component: it has no component_type_key"


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
