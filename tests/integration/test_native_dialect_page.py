"""Every example on the page of the native dialect is understood, sweeps and arguments included."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from torch import nn

import mlgym_core.components  # noqa: F401 - registers what the examples name
from mlgym_core.config.nodes import Mapping
from mlgym_core.config.settings import RunSettings
from mlgym_core.config.sweeps import expand
from mlgym_core.config.yaml_reader import load_yaml
from mlgym_core.registry import Registry, default_registry, resolve

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/native-dialect.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
README_EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
SETTINGS_ON_PAGE = PAGE.split("## The run block")[1].split("## Components of your own")[0]


class ConvNet(nn.Module):
    """Stands for the model of the page, which is not built here."""

    def __init__(self, channels: tuple[int, int], hidden: int = 128) -> None: ...


@pytest.fixture(scope="module")
def registry() -> Registry:
    registry = default_registry.child()
    registry.register("model", "conv_net")(ConvNet)
    return registry


def points_of(example: str) -> Iterator[Mapping]:
    """The points of an example; what it leaves out is as in the page's first one."""
    tree = load_yaml(EXAMPLES[0], "page.yml")
    for name, node in load_yaml(example, "page.yml").entries.items():
        tree = tree.with_entry(name, node)
    return (point.tree for point in expand(tree, 1000))


@pytest.mark.parametrize("example", [*EXAMPLES, *README_EXAMPLES])
def test_example_is_a_part_of_a_configuration_that_runs(example: str, registry: Registry) -> None:
    resolved = [resolve(tree, registry) for tree in points_of(example)]
    assert [str(fault) for each in resolved for fault in each.diagnostics] == []
    assert len(resolved) > 1


def test_comments_in_the_example_of_sweeps_are_true() -> None:
    (example,) = [each for each in EXAMPLES if "choice:" in each]
    plain = yaml.safe_load(example)
    points = list(points_of(example))
    optimizers = 2 + 4
    assert plain["loaders"]["batch_size"]["range"] == [16, 65, 16]
    assert len(points) == 2 * optimizers * 4


def test_every_run_setting_is_on_the_page() -> None:
    listed = set(re.findall(r"`(\w+)`", re.sub(r"\| [^|]* \|$", "", SETTINGS_ON_PAGE, flags=re.MULTILINE)))
    assert listed >= set(RunSettings.__dataclass_fields__) | {"zip"}
