"""What a user reads when a configuration is wrong, word for word, with the components that are built in."""

import importlib.util
import sys
from pathlib import Path

import pytest

import mlgym_core.components  # noqa: F401 - registers what is built in
from mlgym_core.config.sweeps import expand
from mlgym_core.config.yaml_reader import load_yaml
from mlgym_core.errors import ConfigError
from mlgym_core.registry import Component, Registry, default_registry, resolve_points

GOLDEN = Path(__file__).parents[2] / "golden" / "config_errors"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    """All that is built in, and the model of the files."""
    spec = importlib.util.spec_from_file_location("golden_conv_net", GOLDEN / "conv_net.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # as an import would, so that messages know the file
    spec.loader.exec_module(module)
    registry = default_registry.child()
    registry.add(Component.of("model", "conv_net", module.ConvNet))
    return registry


@pytest.mark.parametrize("name", ["five_faults", "yaml_faults", "sweep_faults"])
def test_every_fault_of_a_file_is_told_at_once_in_these_words(name: str, registry: Registry) -> None:
    text = (GOLDEN / f"{name}.yml").read_text()
    with pytest.raises(ConfigError) as raised:
        resolve_points(expand(load_yaml(text, f"{name}.yml"), 100), registry)
    assert f"{raised.value}\n" == (GOLDEN / f"{name}.txt").read_text()
