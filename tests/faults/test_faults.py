"""The short form of every trial: each is run as a process of its own, as from a shell, and counts what went wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SEED = os.environ.get("MLGYM_FAULTS_SEED", "20261121")
FOLDER = Path(__file__).parent

TRIALS = {
    "kill": {"kills of the server": 6, "kills of clients": 6, "events stored": 8_000, "checkpoints looked at": 40},
    "cut": {"cuts of a log": 500, "cuts of a spool": 500, "bytes altered": 300},
    "calls": {"calls that failed": 100, "calls that were short": 20, "events acknowledged by a log": 1600},
    "proxy": {"breaks: reset": 3, "breaks: swallow": 3, "breaks: half-close": 3, "breaks: lose acknowledgements": 3}
    | {"events acknowledged through the proxy": 200, "connections begun anew": 3},
    "stale": {"batches of stale attempts": 20, "batches of live attempts": 20, "kills of the server": 2}
    | {"files of stale attempts": 6},
    "resume": {"runs": 35, "kills of torch: batch": 6, "kills of sklearn: batch": 6, "kills of xgboost: batch": 6}
    | {"kills of torch: files": 1, "kills of torch: loss": 1, "kills of the grid": 3},
    "stalled": {"fast subscribers": 5, "events stored": 20_000},
    "disk": {"turns": 5, "kills on a full disk": 1, "answers that the disk is full": 10},
    "clock": {"clocks set": 100, "events stored": 1_600},
    "malformed": {"malformed calls": 1_000, "good events between": 100},
    "rest": {"calls": 400, "answers of 2xx": 50, "answers of 4xx": 100},
    "escape": {"paths": 60, "requests": 1_000, "calls to the socket": 480},
    "tokens": {"requests": 1_000, "requests that were let in": 250, "connections tried": 40, "altered cookies": 50},
    "bodies": {"bodies sent": 21, "bodies refused": 6, "bodies shorter than they say": 3, "messages sent": 14},
    "aliases": {"bombs read": 4, "bombs given to the command": 1},
    "pickles": {"pickles uploaded": 40, "pickles refused where they are loaded": 40},
}
"""Of each trial what it has to have done at least: one that does nothing finds nothing."""


@pytest.mark.timeout(700)
@pytest.mark.parametrize("name", TRIALS)
def test_nothing_goes_wrong(name: str) -> None:
    command = [sys.executable, str(FOLDER / f"{name}.py"), "--seed", SEED, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.stdout.endswith("}\n"), f"it ended before its time: {done.stdout}\n{done.stderr}"
    told = json.loads(done.stdout.splitlines()[-1])
    assert {what: number for what, number in told["faults"].items() if number} == {}, done.stdout
    assert done.returncode == 0
    for what, least in TRIALS[name].items():
        assert told["counts"].get(what, 0) >= least, done.stdout


def test_every_trial_is_run() -> None:
    scripts = {path.stem for path in FOLDER.glob("*.py") if path.read_text().endswith("    run_script(play)\n")}
    assert scripts == set(TRIALS)
