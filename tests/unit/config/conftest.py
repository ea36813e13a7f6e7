"""Files in MLgym's words, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlgym_core.config.mlgym_dialect import lower_mlgym
from mlgym_core.config.nodes import to_plain
from mlgym_core.config.yaml_reader import load_yaml
from mlgym_core.errors import ConfigError

EXAMPLE = Path(__file__).parents[3] / "example" / "mlgym_dialect" / "gs_config.yml"


@pytest.fixture(scope="session")
def lower() -> Callable[[str], dict[str, Any]]:
    """The native tree of a text."""

    def lower(text: str) -> dict[str, Any]:
        return to_plain(lower_mlgym(load_yaml(text, "gs_config.yml")))

    return lower


@pytest.fixture(scope="session")
def faults_of(lower: Callable[[str], dict[str, Any]]) -> Callable[[str], list[str]]:
    """The faults of a text, each as its code and message."""

    def faults_of(text: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            lower(text)
        return [f"{each.code} {each.message}" for each in caught.value.diagnostics]

    return faults_of


@pytest.fixture(scope="session")
def example_with() -> Callable[[str, str], str]:
    """The example's text with one passage replaced, which must be there."""

    def example_with(old: str, new: str) -> str:
        text = EXAMPLE.read_text()
        assert text.count(old) == 1, f"{text.count(old)} x {old!r}"
        return text.replace(old, new)

    return example_with
