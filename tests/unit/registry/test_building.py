import random
import traceback
from pathlib import Path
from typing import Any

import pytest

from mlgym_core.config.yaml_reader import load_yaml
from mlgym_core.errors import BuildError
from mlgym_core.registry import Component, Components, Registry, build, resolve

BASE = "model: {use: net, channels: [3, 4], seed: 9}\nloss: loss\nmetrics: [score, {use: score, name: micro}]\n"


def built(text: str, registry: Registry, seeds: list[int] | None = None) -> Components:
    found = resolve(load_yaml(text, "gs.yml"), registry)
    assert found.diagnostics == ()

    def seed_all(seed: int) -> None:
        random.seed(seed)
        if seeds is not None:
            seeds.append(seed)

    return build(found.config, registry, seed_all=seed_all, folder="/home", places=found.places)


def test_nothing_is_built_before_it_is_asked_for_and_each_slot_once(registry: Registry) -> None:
    seeds: list[int] = []
    components = built(BASE, registry, seeds)
    assert seeds == []
    assert components["model"] is components["model"]
    assert seeds == [9]
    assert components["trainer"].model is components["model"]
    assert components["trainer"].loss is components["loss"]
    assert seeds == [9, 0, 0, 0, 0]


def test_the_slots_are_a_mapping(registry: Registry) -> None:
    components = built(BASE + "run: {epochs: 2}\nmodel_info: {use: nothing}", registry)
    assert list(components) == ["model", "loss", "metrics", "trainer"]
    assert len(components) == 4
    assert "run" not in components
    assert components.get("data") is None
    with pytest.raises(KeyError):
        components["data"]
    assert components.config["run"]["epochs"] == 2


def test_values_come_as_the_signature_wants_them(registry: Registry) -> None:
    assert built(BASE, registry)["model"].channels == (3, 4)


def test_relative_paths_begin_at_the_folder_of_the_configuration(registry: Registry) -> None:
    assert built("data: {use: digits, path: a/b.npz}\n" + BASE, registry)["data"]["path"] == Path("/home/a/b.npz")
    assert built("data: {use: digits, path: /a/b.npz}\n" + BASE, registry)["data"]["path"] == Path("/a/b.npz")

    def several(paths: tuple[Path, ...], named: dict[str, Path]) -> Any:
        return paths, named

    registry.register("data", "several")(several)
    found = built("data: {use: several, paths: [a, /b], named: {c: d}}\n" + BASE, registry)["data"]
    assert found == ((Path("/home/a"), Path("/b")), {"c": Path("/home/d")})


def test_a_part_of_a_component_is_passed_on(registry: Registry) -> None:
    text = "data: digits\nsplits: {use: halves, source: $data.train, fractions: {val: 0.5}, seed: 4}\n" + BASE
    components = built(text, registry)
    assert components["splits"]["val"] == (components["data"]["train"], 0.5, 4)


def test_scores_are_handed_over_by_name_and_know_it(registry: Registry) -> None:
    metrics = built(BASE, registry)["trainer"].metrics
    assert {name: metric.name for name, metric in metrics.items()} == {"score": "score", "micro": "micro"}


def test_the_goals_of_all_scores_are_known(registry: Registry) -> None:
    components = built(BASE + "x: {kind: metric, use: error}", registry)
    assert components.score_goals == {"score": "max", "micro": "max", "loss": "min"}


def test_an_empty_list_of_metrics_is_a_slot(registry: Registry) -> None:
    assert built("model: {use: net, channels: [1, 1]}\nloss: loss\nmetrics: []", registry)["trainer"].metrics == {}


def test_nested_components_are_built_for_their_owner(registry: Registry) -> None:
    extra = built(BASE + "trainer: {extra: [loss, {use: loss, weight: 2}, $loss]}", registry)["trainer"].extra
    assert [each.weight for each in extra] == [None, 2.0, None]
    assert extra[0] is not extra[2]


def test_the_generators_are_seeded_for_each_component_whatever_was_built_before(registry: Registry) -> None:
    alone, after_all = built(BASE, registry), built(BASE, registry)
    after_all["trainer"]
    assert alone["model"].weight == after_all["model"].weight
    other = built(BASE.replace("seed: 9", "seed: 8"), registry)
    assert other["model"].weight != alone["model"].weight


def test_a_default_reaches_the_factory_as_it_is_written_there(registry: Registry) -> None:
    default = object()

    def keeps(it: object = default, text: str = "$model", also: int = 3) -> Any:
        return it, text, also

    registry.register("data", "keeps")(keeps)
    assert built("data: keeps\n" + BASE, registry)["data"] == (default, "$model", 3)


def test_a_changed_default_counts(registry: Registry) -> None:
    registry.add(Component.of("data", "changed", lambda a=1: a, defaults={"a": 5}))
    assert built("data: changed\n" + BASE, registry)["data"] == 5


def test_a_doubled_dollar_is_no_reference(registry: Registry) -> None:
    registry.register("data", "says")(lambda **given: given)
    found = built("data: {use: says, a: $$model, b: [$$x, $model]}\n" + BASE, registry)
    assert found["data"]["a"] == "$model"
    assert found["data"]["b"] == ["$x", found["model"]]


def test_the_exception_of_a_component_keeps_its_type_and_says_where_it_was_built(registry: Registry) -> None:
    def broken() -> None:
        raise ZeroDivisionError("by me")

    registry.register("data", "broken")(broken)
    components = built("data: broken\n" + BASE + "trainer: {extra: [$data]}", registry)
    with pytest.raises(ZeroDivisionError, match="by me") as raised:
        components["trainer"]
    assert raised.value.__notes__ == ["while building data 'broken' at gs.yml:1:1"]
    assert traceback.extract_tb(raised.value.__traceback__)[-1].name == "broken"


def test_a_reference_that_leads_nowhere_says_who_wanted_it(registry: Registry) -> None:
    text = "data: digits\nloaders: {splits: {val: $data.val}}\n" + BASE
    with pytest.raises(BuildError, match=r"^gs.yml:2:1: MG303 \$data.val: \$data has no 'val'"):
        built(text, registry)["loaders"]


def test_an_error_of_ours_says_the_place_of_the_innermost_component(registry: Registry) -> None:
    def refuse() -> None:
        raise BuildError("no file", code="MG316", hint="put one there")

    registry.register("data", "refuse")(refuse)
    components = built("data: refuse\n" + BASE + "trainer: {extra: [$data]}", registry)
    with pytest.raises(BuildError) as raised:
        components["trainer"]
    assert str(raised.value) == "gs.yml:1:1: MG316 no file\n  put one there"


def test_a_component_that_this_process_does_not_know_is_told(registry: Registry) -> None:
    config = resolve(load_yaml(BASE, "gs.yml"), registry).config
    with pytest.raises(BuildError, match="MG304 model 'net' is not registered in this process"):
        build(config, Registry(), seed_all=random.seed)["model"]
