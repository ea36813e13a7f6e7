from typing import Any

import pytest

from mlgym_core.config.nodes import Mapping, to_plain
from mlgym_core.config.overrides import apply_overrides
from mlgym_core.config.sweeps import expand
from mlgym_core.config.yaml_reader import load_yaml
from mlgym_core.errors import ConfigError

TEXT = "optimizer: {use: adam, lr: 1}\nmodel: mlp\nmetrics: [f1, {use: precision, labels: [0, 1]}]\n"


def tree() -> Mapping:
    return load_yaml(TEXT, "gs.yml")


def overridden(*overrides: str) -> Any:
    return to_plain(apply_overrides(tree(), overrides))


def test_a_value_is_yaml() -> None:
    assert overridden("optimizer.lr=1e-3")["optimizer"]["lr"] == 1e-3
    assert overridden("optimizer.betas=[0.9, 0.99]")["optimizer"]["betas"] == [0.9, 0.99]
    assert overridden("optimizer.lr= ")["optimizer"]["lr"] == ""
    assert overridden("optimizer.note=a=b")["optimizer"]["note"] == "a=b"


def test_a_position_in_a_list_is_part_of_a_path() -> None:
    assert overridden("metrics.1.labels.0=5")["metrics"][1]["labels"] == [5, 1]


def test_a_component_that_is_a_bare_name_takes_arguments() -> None:
    found = overridden("model.hidden=3", "metrics.0.average=micro")
    assert found["model"] == {"use": "mlp", "hidden": 3}
    assert found["metrics"][0] == {"use": "f1", "average": "micro"}


def test_a_slot_may_be_new_replaced_or_emptied_and_the_run_block_is_always_there() -> None:
    found = overridden("loss=mse", "model={use: conv}", "optimizer=null", "run.seed=3")
    assert found["loss"] == "mse"
    assert found["model"] == {"use": "conv"}
    assert found["optimizer"] is None
    assert found["run"] == {"seed": 3}


def test_a_sweep_may_be_set_and_the_last_word_counts() -> None:
    changed = apply_overrides(tree(), ["optimizer.lr=3", "optimizer.lr={sweep: [1, 2]}"])
    assert [to_plain(each.tree)["optimizer"]["lr"] for each in expand(changed, 10)] == [1, 2]


def test_what_was_set_stands_at_its_option() -> None:
    changed = apply_overrides(tree(), ["optimizer.lr=3"])["optimizer"]
    assert isinstance(changed, Mapping)
    assert str(changed["lr"].place) == "--set optimizer.lr"


def test_every_option_that_cannot_be_set_is_told() -> None:
    wrong = [
        "optimzer.lr=0.1",
        "metrics.2.average=micro",
        "metrics.0.a.b=3",
        "optimizer.lr.x=3",
        "run",
        "=3",
        "a=: b: c",
        "optimizer.betas.0=1",
    ]
    with pytest.raises(ConfigError) as raised:
        apply_overrides(tree(), wrong)
    assert [str(each).partition("\n")[0] for each in raised.value.diagnostics] == [
        "--set optimzer.lr: MG233 there is no 'optimzer'; did you mean 'optimizer'?",
        "--set metrics.2.average: MG233 `metrics` is a list of 2, so '2' must be one of its positions",
        "--set metrics.0.a.b: MG233 there is no 'a' in `metrics.0`",
        "--set optimizer.lr.x: MG233 `optimizer.lr` is a plain value that holds nothing else",
        "--set run: MG233 is written PATH=VALUE, such as `--set optimizer.lr=0.1`",
        "--set : MG233 is written PATH=VALUE, such as `--set optimizer.lr=0.1`",
        "--set a: MG211 did not find expected key while parsing a block mapping",
        "--set optimizer.betas.0: MG233 there is no 'betas' in `optimizer`",
    ]
