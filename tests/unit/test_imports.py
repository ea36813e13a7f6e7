"""What is quick to start stays quick: heavy libraries are imported only where something is computed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"torch", "sklearn", "scipy", "pandas", "pyarrow", "xgboost"}


def list_imports(arguments: list[str], folder: Path) -> set[str]:
    """All modules that a new interpreter imports when it is started with `arguments`."""
    command = [sys.executable, "-X", "importtime", *arguments]
    environment = {**os.environ, "MLGYM_EVENT_STORAGE": str(folder)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return set(re.findall(r"^import time:.*\| +([\w.]+)$", done.stderr, re.MULTILINE))


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An event storage with one run in it, for whose making nothing heavy is needed either."""
    folder = tmp_path_factory.mktemp("storage")
    script = "import mlgym_core\nwith mlgym_core.log_run({'lr': 0.1}) as run:\n    run.log({'val/loss': 0.3}, step=0)\n"
    assert list_imports(["-c", script], folder) & HEAVY == set()
    return folder


@pytest.mark.parametrize(
    "statement",
    [
        "import mlgym_core; mlgym_core.run, mlgym_core.log_run, mlgym_core.main, mlgym_core.register",
        "import mlgym_core.config, mlgym_core.events, mlgym_core.registry",
        "import ml_board.cli, ml_board.service",
    ],
)
def test_importing_brings_in_nothing_heavy(statement: str, tmp_path: Path) -> None:
    assert list_imports(["-c", statement], tmp_path) & HEAVY == set()


@pytest.mark.parametrize("command", [["--help"], ["runs"], ["show", "last"], ["show", "last", "--json"]], ids=" ".join)
def test_looking_at_runs_needs_nothing_heavy(command: list[str], storage: Path) -> None:
    imported = list_imports(["-m", "mlgym_core", *command], storage)
    assert imported & HEAVY == set()
    assert "mlgym_core.cli" in imported


def test_a_heavy_import_is_seen(tmp_path: Path) -> None:
    assert {"scipy", "sklearn"} <= list_imports(["-c", "import sklearn"], tmp_path)


def test_the_board_knows_no_more_of_the_core_than_events_and_configuration(tmp_path: Path) -> None:
    imported = list_imports(["-c", "import ml_board.cli, ml_board.service"], tmp_path)
    rooms = {name.split(".")[1] for name in imported if name.startswith("mlgym_core.")}
    assert "events" in rooms
    assert rooms <= {"errors", "events", "config"}
