from pathlib import Path

import pytest

from mlgym_core.config.native import imported_modules, load_config
from mlgym_core.config.nodes import to_plain
from mlgym_core.errors import ConfigError


def test_a_file_and_a_dict_give_the_same_tree(tmp_path: Path) -> None:
    path = tmp_path / "gs.yml"
    path.write_text("model: {use: mlp, sizes: [64, 10]}\nloss: mse\n")
    from_file = load_config(path)
    from_python = load_config({"model": {"use": "mlp", "sizes": (64, 10)}, "loss": "mse"})
    assert to_plain(from_file) == to_plain(from_python) == to_plain(load_config(str(path)))
    assert str(from_python["loss"].place) == "config"


def test_a_file_in_the_words_of_mlgym_is_lowered(tmp_path: Path) -> None:
    path = tmp_path / "gs.yml"
    path.write_text(
        "optimizer:\n  component_type_key: OPTIMIZER\n  variant_key: DEFAULT\n"
        "  config: {optimizer_key: ADAM, params: {lr: {sweep: absolute, values: [0.1]}}}\n"
    )
    optimizer = to_plain(load_config(path))["optimizer"]
    assert optimizer["lr"] == {"sweep": [0.1]}
    assert "component_type_key" not in optimizer


def test_the_imported_modules_have_places(tmp_path: Path) -> None:
    path = tmp_path / "gs.yml"
    path.write_text("imports: [conv_net, deep.er]\n")
    assert {name: place.column for name, place in imported_modules(load_config(path)).items()} == {
        "conv_net": 11,
        "deep.er": 21,
    }


def test_words_at_the_top_that_are_ill_are_told_together() -> None:
    with pytest.raises(ConfigError) as raised:
        load_config({"imports": "conv_net", "run": 3, "model_info": [1]})
    assert [each.code for each in raised.value.diagnostics] == ["MG210"] * 3


def test_a_dict_that_no_file_could_hold_is_an_error() -> None:
    with pytest.raises(ConfigError, match="MG213 object has no place in a configuration"):
        load_config({"model": object()})
