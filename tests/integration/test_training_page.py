"""Every example on the page of training trains."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import mlgym_core
from mlgym_core.config.nodes import to_plain
from mlgym_core.config.yaml_reader import load_yaml

PAGE = (Path(__file__).parents[2] / "docs/training.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def configuration(example: str) -> dict[str, Any]:
    """The example; what it leaves out is as in the page's first one."""
    given = to_plain(load_yaml(example, "page.yml"))
    return given if "data" in given else to_plain(load_yaml(EXAMPLES[0], "page.yml")) | given


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: next(iter(each.splitlines())))
def test_an_example_trains(example: str, tmp_path: Path) -> None:
    config = configuration(example)

    result = mlgym_core.run(
        config, progress=False, executor="main_process", epochs=2, event_storage=tmp_path, system_metrics_every=0
    )

    experiment = result.state.experiments[0]
    assert (result.status, experiment.error, experiment.epochs_done) == ("finished", None, 2)
    assert experiment.checkpoints
