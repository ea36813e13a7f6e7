"""Starts `make demo` as a user would, fetches the board and the run over REST, and stops it as Ctrl-C does.

The run goes into a folder of its own. Exits with 1 and what was wrong where the demo does not do what it promises.
Usage: python tools/check_demo.py
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

ROOT = Path(__file__).parent.parent
STARTED_WITHIN_S = 600
STOPPED_WITHIN_S = 20


class DemoError(Exception):
    """The demo did not do what it promises."""


def find_free_port() -> int:
    """A port that nothing listens on at present."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def run_demo(port: int, storage: Path, output: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The demo as a process group of its own, which is gone in the end whatever happened."""
    command = ["make", "demo", f"PORT={port}", f"EVENT_STORAGE={storage}"]
    with output.open("wb") as sink:
        demo = subprocess.Popen(command, cwd=ROOT, stdout=sink, stderr=sink, start_new_session=True)
        try:
            yield demo
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(demo.pid, signal.SIGKILL)
            demo.wait()


def wait_for_board(demo: subprocess.Popen[bytes], address: str) -> str:
    """The board's page, once it is served.

    Raises:
        DemoError: the demo ended, or time was up, before there was one.
    """
    deadline = time.monotonic() + STARTED_WITHIN_S
    while time.monotonic() < deadline:
        with contextlib.suppress(URLError, ConnectionError), urlopen(address) as answer:
            return str(answer.read(), "utf-8")
        if demo.poll() is not None:
            raise DemoError(f"the demo ended with exit status {demo.returncode}")
        time.sleep(0.5)
    raise DemoError(f"nothing was served within {STARTED_WITHIN_S} s")


def fetch_json(address: str) -> Any:
    """What REST answers."""
    with urlopen(address) as answer:
        return json.load(answer)


def check_run(address: str, text: str) -> str:
    """One line about the run that the demo made.

    Raises:
        DemoError: the run is not there, not finished, or not linked to in the demo's output.
    """
    run_ids = [run["run_id"] for run in fetch_json(f"{address}/api/runs")]
    if len(run_ids) != 1:
        raise DemoError(f"one run was expected, there are {run_ids}")
    experiments = fetch_json(f"{address}/api/runs/{run_ids[0]}")["experiments"]
    unfinished = [each["experiment_id"] for each in experiments if each["status"] != "finished"]
    if len(experiments) < 12 or unfinished:
        raise DemoError(f"of {len(experiments)} experiments these are not finished: {unfinished}")
    if len(fetch_json(f"{address}/grid_searches/{run_ids[0]}/experiments")) != len(experiments):
        raise DemoError("the checkpoints' route lists other experiments than the board")
    if f"run_id={run_ids[0]}" not in text:
        raise DemoError("the demo printed no link to its run")
    return f"run {run_ids[0]} with {len(experiments)} finished experiments"


def stop(demo: subprocess.Popen[bytes]) -> None:
    """Ends the demo as Ctrl-C on a terminal does.

    Raises:
        DemoError: a process of it is left.
    """
    os.killpg(demo.pid, signal.SIGINT)
    deadline = time.monotonic() + STOPPED_WITHIN_S
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            demo.poll()
            os.killpg(demo.pid, 0)
            time.sleep(0.1)
        raise DemoError(f"a process of the demo was left {STOPPED_WITHIN_S} s after Ctrl-C")


def main() -> int:
    """Returns 0 where the demo did all that it promises."""
    port = find_free_port()
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "output.txt"
        try:
            with run_demo(port, Path(folder) / "event_storage", output) as demo:
                address = f"http://127.0.0.1:{port}"
                page = wait_for_board(demo, address)
                if "<html" not in page:
                    raise DemoError("what is served at / is no page")
                summary = check_run(address, output.read_text())
                stop(demo)
        except DemoError as fault:
            print(output.read_text(), file=sys.stderr)
            print(f"demo: {fault}", file=sys.stderr)
            return 1
    print(f"demo: served the board and {summary}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
