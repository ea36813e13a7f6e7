import json
from typing import Any

import pytest

from mlgym_core.config.nodes import Mapping, from_plain
from mlgym_core.config.spec import canonical_hash
from mlgym_core.config.sweeps import expand
from mlgym_core.config.yaml_reader import load_yaml
from mlgym_core.errors import ConfigError, Place
from mlgym_core.registry import Registry, resolve, resolve_points

COMPLETE = """
imports: [nets]
run: {epochs: 5, seed: 2}
data: digits
splits: {use: halves, source: $data.train, fractions: {train: 1, val: 0.3}}
loaders: {splits: {train: $splits.train, test: $data.test}}
model: {use: net, channels: [3, 4], seed: 9}
loss: loss
metrics: [score, {use: score, average: micro, name: micro}, error]
"""


def resolved(text: str, registry: Registry) -> dict[str, Any]:
    found = resolve(load_yaml(text, "gs.yml"), registry)
    assert found.diagnostics == ()
    return found.config


def faults(text: str, registry: Registry) -> list[str]:
    error = ConfigError(resolve(load_yaml(text, "gs.yml"), registry).diagnostics)
    return [str(each).partition("\n")[0] for each in error.diagnostics]


def pipeline(**slots: str) -> str:
    """A configuration that is right but for the given slots."""
    right = {"data": "digits", "model": "{use: net, channels: [1, 1]}", "loss": "loss"}
    return "\n".join(f"{name}: {text}" for name, text in {**right, **slots}.items())


class TestRightConfigurations:
    def test_all_defaults_are_filled_in_and_values_are_canonical(self, registry: Registry) -> None:
        assert resolved(COMPLETE, registry) == {
            "imports": ["nets"],
            "run": {"epochs": 5, "seed": 2, "threads": 1},
            "data": {"use": "digits", "seed": 2, "fraction": 0.2, "path": None},
            "splits": {"use": "halves", "seed": 2, "source": "$data.train", "fractions": {"train": 1.0, "val": 0.3}},
            "loaders": {
                "use": "batches",
                "seed": 2,
                "splits": {"train": "$splits.train", "test": "$data.test"},
                "batch_size": 32,
            },
            "model": {"use": "net", "seed": 9, "channels": [3, 4], "hidden": 128},
            "loss": {"use": "loss", "seed": 2, "name": "loss", "weight": None},
            "metrics": [
                {"use": "score", "seed": 2, "name": "score", "goal": "max", "average": "macro"},
                {"use": "score", "seed": 2, "name": "micro", "goal": "max", "average": "micro"},
                {"use": "error", "seed": 2, "name": "error", "goal": "min", "average": "macro"},
            ],
            "trainer": {
                "use": "trainer",
                "seed": 2,
                "model": "$model",
                "loss": "$loss",
                "metrics": "$metrics",
                "early_stopping": None,
                "extra": [],
            },
        }

    def test_resolving_again_changes_nothing(self, registry: Registry) -> None:
        config = resolved(COMPLETE, registry)
        tree = from_plain(config, Place(file="config", line=0, column=0))
        assert isinstance(tree, Mapping)
        again = resolve(tree, registry)
        assert again.diagnostics == ()
        assert again.config == config

    def test_saying_a_default_or_writing_a_number_otherwise_makes_no_other_experiment(self, registry: Registry) -> None:
        said = pipeline(data="{use: digits, fraction: 0.20, path: null}", loss="{use: loss, weight: 1}")
        unsaid = pipeline(loss="{weight: 1.0, use: loss}")
        assert canonical_hash(resolved(said, registry)) == canonical_hash(resolved(unsaid, registry))

    def test_every_component_has_a_place(self, registry: Registry) -> None:
        text = pipeline(metrics="[score]", trainer="{extra: [loss, {use: loss}]}")
        places = resolve(load_yaml(text, "gs.yml"), registry).places
        assert {path: str(place) for path, place in places.items()} == {
            "data": "gs.yml:1:1",
            "model": "gs.yml:2:1",
            "loss": "gs.yml:3:1",
            "metrics.0": "gs.yml:4:11",
            "trainer": "gs.yml:5:1",
            "trainer.extra.0": "gs.yml:5:19",
            "trainer.extra.1": "gs.yml:5:25",
        }

    def test_a_single_metric_is_a_list_of_one(self, registry: Registry) -> None:
        assert [each["use"] for each in resolved(pipeline(metrics="score"), registry)["metrics"]] == ["score"]

    def test_a_slot_that_is_null_is_not_there(self, registry: Registry) -> None:
        config = resolved(pipeline(metrics="null", trainer="null"), registry)
        assert "metrics" not in config
        assert config["trainer"]["metrics"] is None

    def test_a_slot_of_any_name_says_its_kind(self, registry: Registry) -> None:
        config = resolved(pipeline(teacher="{kind: model, use: net, channels: [1, 2]}"), registry)
        assert config["teacher"]["kind"] == "model"
        assert "kind" not in config["model"]

    def test_nested_components_are_complete_and_say_their_kind(self, registry: Registry) -> None:
        config = resolved(pipeline(trainer="{extra: [{use: loss, weight: 3}], model: $model}"), registry)
        assert config["trainer"]["extra"] == [{"use": "loss", "kind": "loss", "seed": 0, "name": "loss", "weight": 3.0}]

    def test_an_argument_that_a_slot_fills_may_hold_a_component_of_its_own(self, registry: Registry) -> None:
        config = resolved(pipeline(trainer="{model: {use: net, channels: [7, 7]}, loss: loss}"), registry)
        assert config["trainer"]["model"]["channels"] == [7, 7]
        assert config["trainer"]["loss"]["kind"] == "loss"

    def test_a_mapping_with_use_in_plain_data_is_plain_data(self, registry: Registry) -> None:
        def noted(notes: dict[str, Any], anything=None) -> int:  # type: ignore[no-untyped-def]
            return 3

        registry.register("data", "noted")(noted)
        config = resolved(pipeline(data="{use: noted, notes: {use: a pen}, anything: {use: b}}"), registry)
        assert config["data"]["notes"] == {"use": "a pen"}
        assert config["data"]["anything"] == {"use": "b"}

    def test_a_factory_that_takes_anything_is_given_anything(self, registry: Registry) -> None:
        registry.register("data", "open")(lambda **given: given)
        config = resolved(pipeline(data="{use: open, b: [1], a: $model}"), registry)
        assert config["data"] == {"use": "open", "seed": 0, "b": [1], "a": "$model"}

    def test_what_a_user_says_of_the_model_is_kept(self, registry: Registry) -> None:
        assert resolved(pipeline(model_info="{by: me, tags: [a]}"), registry)["model_info"] == {
            "by": "me",
            "tags": ["a"],
        }

    def test_the_result_is_plain_data(self, registry: Registry) -> None:
        config = resolved(COMPLETE, registry)
        assert json.loads(json.dumps(config)) == config


class TestWrongConfigurations:
    @pytest.mark.parametrize(
        ("slots", "fault"),
        [
            (
                {"model": "{use: net, channels: [1, 1], hiden: 3}"},
                "2:37: MG201 model 'net' has no argument 'hiden'",
            ),
            ({"model": "nett"}, "2:8: MG202 no model 'nett'; did you mean 'net'?"),
            ({"model": "{use: nett}"}, "2:14: MG202 no model 'nett'; did you mean 'net'?"),
            ({"model": "net"}, "2:1: MG203 model 'net' lacks the argument 'channels'"),
            ({"model": "{use: net, channels: [1, x]}"}, "2:33: MG204 model 'net': 'channels.1' should be a valid int"),
            ({"model": "{use: net, channels: [1, 1], seed: -1}"}, "2:43: MG204 model 'net': 'seed' should be a whole"),
            ({"model": "{use: net, channels: [1, 1], seed: yes}"}, "2:43: MG204 model 'net': 'seed' should be a whole"),
            ({"loss": "{use: loss, name: 3}"}, "3:25: MG204 loss 'loss': 'name' should be a word, not 3"),
            ({"metrics": "[{use: score, goal: up}]"}, "4:30: MG204 metric 'score': 'goal' should be 'max' or 'min'"),
            (
                {"data": "{use: digits, fraction: $modle}"},
                "1:31: MG205 data 'digits': $modle names no slot; did you mean",
            ),
            ({"trainer": "{extra: [$trainer]}"}, "4:19: MG206 trainer 'trainer': the references run in a circle: tr"),
            ({"trainer": "{extra: [3]}"}, "4:19: MG204 trainer 'trainer': 'extra.0' should be a component or a ref"),
            ({"trainer": "{model: {use: net}}"}, "4:18: MG203 model 'net' lacks the argument 'channels'"),
            ({"trainer": "{loss: lozz}"}, "4:17: MG202 no loss 'lozz'"),
            ({"optimzer": "adam"}, "4:1: MG209 `optimzer` needs a `kind`; did you mean 'optimizer'?"),
            ({"other": "{kind: modle, use: net}"}, "4:15: MG209 no kind 'modle'; did you mean 'model'?"),
            ({"model": "3"}, "2:8: MG210 `model` must be a component"),
            ({"model": "[net]"}, "2:8: MG210 slot 'model' holds one component, not a list"),
            ({"model": "{channels: [1, 1]}"}, "2:1: MG210 `model` lacks `use`, the name of a model"),
            ({"model": "{use: 3}"}, "2:1: MG210 `model` lacks `use`, the name of a model"),
            ({"optimizer": "adam"}, "4:12: MG202 no optimizer 'adam'"),
            ({"metrics": "[score, score]"}, "4:18: MG215 two scores are named 'score': `metrics.0` and `metrics.1`"),
            ({"metrics": "{use: score, name: loss}"}, "3:1: MG215 two scores are named 'loss': `metrics.0` and `loss`"),
            ({"run": "{seed: x}"}, "4:13: MG231 run setting 'seed': expected int"),
        ],
    )
    def test_each_is_one_fault_with_place_and_mend(self, registry: Registry, slots: dict[str, str], fault: str) -> None:
        [found] = faults(pipeline(**slots), registry)
        assert found.startswith(f"gs.yml:{fault}")

    def test_what_stands_in_a_slot_but_does_not_fit_is_at_fault(self, registry: Registry) -> None:
        registry.register("model", "number")(int)
        [fault] = faults(pipeline(model="number"), registry)
        assert fault == "gs.yml:2:1: MG207 trainer 'trainer': 'model' needs a Module, but $model is model 'number'"

    def test_a_reference_to_what_says_nothing_of_its_class_may_be_right(self, registry: Registry) -> None:
        registry.register("data", "untyped")(lambda: 3)
        assert faults(pipeline(data="untyped", trainer="{model: $data}"), registry) == []

    def test_a_missing_slot_is_told_once_with_all_that_need_it(self, registry: Registry) -> None:
        text = "model: {use: net, channels: [1, 1]}\nsecond: {kind: trainer, use: trainer}"
        assert faults(text, registry) == ["gs.yml:1:1: MG208 no slot 'loss', which trainer 'trainer' needs"]

    def test_a_reference_of_another_class_is_told_with_what_it_is(self, registry: Registry) -> None:
        registry.register("data", "typed")(type("Numbers", (), {}))
        [fault] = faults(pipeline(data="typed", trainer="{model: $data}"), registry)
        assert fault == "gs.yml:4:18: MG207 trainer 'trainer': 'model' needs a Module, but $data is data 'typed'"

    def test_a_circle_is_told_once_as_a_path(self, registry: Registry) -> None:
        circle = {name: f"{{kind: trainer, use: trainer, model: ${other}}}" for name, other in ("ab", "bc", "ca")}
        registry.register("trainer", "any")(lambda model: model)
        text = pipeline(**{name: each.replace("use: trainer", "use: any") for name, each in circle.items()})
        assert faults(text, registry) == [
            "gs.yml:6:37: MG206 trainer 'any': the references run in a circle: a -> b -> c -> a"
        ]

    def test_a_nested_component_whose_kind_nobody_says_is_told(self, registry: Registry) -> None:
        class Holder:
            def __init__(self, held: Registry | None = None) -> None: ...

        registry.register("data", "holder")(Holder)
        [fault] = faults(pipeline(data="{use: holder, held: {use: net}}"), registry)
        assert fault == "gs.yml:1:27: MG209 data 'holder': `held` needs a `kind` beside its `use`"
        assert faults(pipeline(data="{use: holder, held: {use: net, kind: model, channels: [1, 1]}}"), registry) == []

    def test_a_grid_tells_each_fault_once_however_many_points_have_it(self, registry: Registry) -> None:
        text = pipeline(model="{use: net, hidden: {sweep: [1, 2, x]}, chanels: 3}")
        with pytest.raises(ConfigError) as raised:
            resolve_points(expand(load_yaml(text, "gs.yml"), 10), registry)
        assert [f"{each.code} {each.place}" for each in raised.value.diagnostics] == [
            "MG203 gs.yml:2:1",
            "MG204 gs.yml:2:42",
            "MG201 gs.yml:2:47",
        ]

    def test_a_grid_without_faults_is_resolved_point_by_point(self, registry: Registry) -> None:
        text = pipeline(model="{use: net, channels: [1, 1], hidden: {sweep: [1, 2]}}")
        found = resolve_points(expand(load_yaml(text, "gs.yml"), 10), registry)
        assert [each.config["model"]["hidden"] for each in found] == [1, 2]
