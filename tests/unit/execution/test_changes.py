"""What is said of a run that is not as it was recorded."""

from __future__ import annotations

import re
from typing import Any

import pytest

from mlgym_core.errors import RunError
from mlgym_core.events.projections.run_state import ExperimentState, RunState
from mlgym_core.events.types import RunStarted
from mlgym_core.execution.changes import changed_circumstances, check_unchanged

VERSIONS = {"python": "3.11.7", "torch": "2.13.0"}
CONFIG = {"run": {"threads": 1}, "model": {"use": "mlp", "sizes": [4, 3]}, "metrics": [{"use": "f1"}]}


def state(**environment: Any) -> RunState:
    git = {"commit": "abc", "diff": ""}
    given = {"config_hash": "", "source": {}, "entry_command": [], "num_experiments": 2, "git": git}
    started = RunStarted(grid_search_id="run", environment=environment, **given)
    last = {"versions": VERSIONS, "device": "cuda:1", "threads": 1, "config": CONFIG}
    first = {**last, "versions": {"torch": "1.0"}, "device": "cpu"}
    experiments = {
        0: ExperimentState(experiment_id=0, attempt=3, started_at=1.0, **first),
        1: ExperimentState(experiment_id=1, attempt=1, started_at=2.0, **last),
        2: ExperimentState(experiment_id=2, config=CONFIG),
    }
    return RunState(run_id="run", started=started, experiments=experiments)


def test_what_is_the_same_is_no_change() -> None:
    check_unchanged({0: CONFIG}, {0: dict(reversed(CONFIG.items()))}, "")
    environment = {"versions": VERSIONS, "cpu_model": "a", "host": "there"}
    told = state(cpu_model="a", host="here")
    assert changed_circumstances(told, environment, {"commit": "abc", "diff": ""}, ["cuda:0"]) == []


def test_each_circumstance_is_told_as_it_was_and_is() -> None:
    environment = {"versions": {**VERSIONS, "torch": "2.14.0", "scipy": "1.0"}, "cpu_model": "b"}
    assert changed_circumstances(state(cpu_model="a"), environment, {"commit": "def"}, ["cpu"]) == [
        "the version of torch was 2.13.0 and is 2.14.0",
        "the version of scipy was unknown and is 1.0",
        "the device was cuda and is cpu",
        "cpu_model was a and is b",
        "the commit of the code was abc and is def",
    ]
    [told] = changed_circumstances(state(), {"versions": VERSIONS}, {"commit": "abc", "diff": "+x"}, ["cuda:0"])
    assert told == "what the code differs in from its commit is not what it was"


def test_a_run_none_of_whose_experiments_began_has_no_circumstances() -> None:
    told = RunState(experiments={0: ExperimentState(experiment_id=0, config=CONFIG)})
    assert changed_circumstances(told, {"versions": VERSIONS}, None, ["cpu"]) == []


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ({0: CONFIG | {"model": {"use": "mlp", "sizes": [4, 3.0]}}, 1: CONFIG}, "model.sizes: [4, 3] → [4, 3.0]  (exp"),
        ({0: CONFIG | {"model": None}, 1: CONFIG | {"model": None}}, 'model.use: "mlp" → absent\n'),
        ({0: CONFIG | {"metrics": [{"use": "f2"}]}, 1: CONFIG}, 'metrics.0.use: "f1" → "f2"  (experiment 0)'),
        ({0: CONFIG}, "an experiment less  (experiment 1)"),
        ({0: CONFIG, 1: CONFIG, 2: CONFIG}, "an experiment more  (experiment 2)"),
    ],
)
def test_a_configuration_that_is_another_is_refused_with_what_differs(now: Any, expected: str) -> None:
    with pytest.raises(RunError, match=re.escape(expected)) as caught:
        check_unchanged({0: CONFIG, 1: CONFIG}, now, "components have changed")
    assert caught.value.code == "MG124"


def test_a_refusal_has_an_end() -> None:
    now = {0: {str(number): number for number in range(200)}}
    with pytest.raises(RunError, match="and 149 more"):
        check_unchanged({0: {"0": 0}}, now, "")
