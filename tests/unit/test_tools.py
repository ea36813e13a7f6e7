"""The scripts behind `make` say what is missing, and see what differs."""

import os
import random
import runpy
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools"


def run_tool(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    everything = {**os.environ, **environment}
    return subprocess.run(command, env=everything, capture_output=True, text=True, check=False)


def test_a_port_that_is_taken_is_found_before_anything_is_trained() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_tool(sys.executable, str(TOOLS / "check_port.py"), str(port))
    assert done.returncode == 1
    assert f"Port {port} cannot be used" in done.stderr
    assert "make demo PORT=" in done.stderr


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1"])
def test_what_is_no_port_is_refused(port: str) -> None:
    done = run_tool(sys.executable, str(TOOLS / "check_port.py"), port)
    assert done.returncode == 1
    assert f"PORT={port} is no port" in done.stderr


def find_free_port() -> int:
    """A port that nobody has, and below those that systems give to whoever asks for any: it stays free meanwhile."""
    while True:
        port = random.randrange(20_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def test_a_free_port_is_let_through() -> None:
    port = find_free_port()
    assert run_tool(sys.executable, str(TOOLS / "check_port.py"), str(port)).returncode == 0


def test_the_python_that_was_asked_for_is_taken() -> None:
    done = run_tool(str(TOOLS / "find_python"), PYTHON=sys.executable)
    assert done.stdout.strip() == sys.executable


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"PATH": "/nowhere"}, "Python 3.11 or later is missing"),
        ({"PYTHON": "/nowhere/python"}, "PYTHON=/nowhere/python is no Python of 3.11 or later"),
    ],
)
def test_a_missing_python_is_named(environment: dict[str, str], words: str) -> None:
    done = run_tool("/bin/sh", str(TOOLS / "find_python"), **{"PYTHON": "", **environment})
    assert done.returncode == 1
    assert done.stdout == ""
    assert words in done.stderr


def test_a_python_without_venv_is_named(tmp_path: Path) -> None:
    python = tmp_path / "python3.13"
    python.write_text('#!/bin/sh\ncase "$2" in *venv*) exit 1;; esac\n')
    python.chmod(0o755)
    done = run_tool("/bin/sh", str(TOOLS / "find_python"), PYTHON=str(python))
    assert done.returncode == 1
    assert "has no venv module" in done.stderr
    assert "python3.13-venv" in done.stderr


def test_a_board_that_was_not_built_from_its_sources_is_told_file_by_file() -> None:
    list_differences = runpy.run_path(str(TOOLS / "compare_board.py"))["list_differences"]
    committed = {"index.html": b"same", "old.js": b"", "app.js": b"before"}
    fresh = {"index.html": b"same", "app.js": b"after", "new.js": b""}
    assert list_differences(committed, fresh) == ["differs: app.js", "missing: new.js", "left over: old.js"]
    assert list_differences(fresh, fresh) == []


def test_a_default_of_the_reference_reads_as_in_a_configuration_and_the_same_in_each_process() -> None:
    spell = runpy.run_path(str(TOOLS / "generate_components.py"))["spell"]
    assert spell([None, True, 1e-06, "auto"]) == "[null, true, 1e-06, auto]"
    assert spell(spell) == "spell"
