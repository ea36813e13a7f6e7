from typing import Any

import jsonschema
import pytest

import mlgym_core.components  # noqa: F401 - registers what is built in
from mlgym_core.config.nodes import to_plain
from mlgym_core.config.yaml_reader import load_yaml
from mlgym_core.registry import Registry, default_registry, json_schema


@pytest.fixture(scope="module")
def validator(samples: Registry) -> Any:
    schema = json_schema(samples)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def is_valid(validator: Any, text: str) -> bool:
    return bool(validator.is_valid(to_plain(load_yaml(text, "gs.yml"))))


@pytest.mark.parametrize(
    "text",
    [
        "data: digits",
        "data: {use: digits, fraction: 0.5, seed: 3}",
        "data: {use: digits, fraction: {sweep: [0.1, 0.2]}}",
        "data: {use: digits, fraction: {logspace: [0.1, 1, 3]}}",
        "data: {choice: [digits, {use: digits}]}",
        "model: {use: net, channels: [1, {sweep: [2, 3]}]}",
        "model: {use: net, channels: {sweep: [[1, 2], [3, 4]]}, hidden: $data.size}",
        "model: {use: {sweep: [net]}, channels: [1, 2]}",
        "loaders: {splits: {train: $splits.train}, batch_size: {range: [10, 20, 5]}}",
        "metrics: score",
        "metrics: [score, {use: error, name: x, goal: min, average: micro}]",
        "trainer: {extra: [loss, {use: loss}], model: $model, loss: {use: loss}}",
        "teacher: {kind: model, use: net, channels: [1, 2]}",
        "model: {kind: loss, use: loss}",
        "imports: [a]\nrun: {epochs: {sweep: [1, 2]}, seed: 3, zip: [a, b], process_count: 2}\nmodel_info: {a: 1}",
        "early_stopping: null",
        "splits: {use: halves, source: $data.train, fractions: {train: 0.5}}",
    ],
)
def test_what_may_be_written_is_valid(validator: Any, text: str) -> None:
    assert is_valid(validator, text)


@pytest.mark.parametrize(
    "text",
    [
        "data: digit",
        "data: {use: digits, fractoin: 0.5}",
        "data: {use: digits, fraction: x}",
        "data: {use: digits, fraction: {sweep: []}}",
        "model: {use: net}",
        "model: {use: net, channels: [1]}",
        "model: {use: net, channels: [1, 0]}",
        "loaders: {batch_size: 3}",
        "metrics: [score, {use: score, average: mcro}]",
        "teacher: {use: net, channels: [1, 2]}",
        "teacher: {kind: modle, use: net}",
        "optimzer: adam",
        "run: {epohcs: 3}",
        "run: {epochs: 0}",
        "run: {process_count: {sweep: [1, 2]}}",
        "imports: a",
    ],
)
def test_what_may_not_be_written_is_invalid(validator: Any, text: str) -> None:
    assert not is_valid(validator, text)


def test_an_editor_is_told_what_things_are_for(registry: Registry) -> None:
    net = json_schema(registry)["$defs"]["model.net"]
    assert net["description"] == "A net of layers."
    assert net["properties"]["hidden"]["description"] == "units of the last layer but one"
    assert net["properties"]["hidden"]["default"] == 128
    assert net["required"] == ["channels"]


def test_all_built_in_components_are_in_the_schema() -> None:
    validator = jsonschema.Draft202012Validator(json_schema(default_registry))
    assert validator.is_valid({"optimizer": {"use": "adam", "lr": 0.1}, "metrics": ["f1"], "data": "digits"})
    assert not validator.is_valid({"optimizer": {"use": "adam", "lrr": 0.1}})
