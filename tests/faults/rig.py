"""What the trials of faults share: their command line, their seed and counts, and a server that can be killed.

A trial is a script of its own. It says what it did (`counts`) and what must not have happened (`faults`, all of which
have to be 0). Knows no trial and nothing of the wire.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

PATIENCE_S = 120.0
BOARD = "import ml_board.cli; ml_board.cli.ml_board()"
_HELD: list[socket.socket] = []
"""Sockets on which nobody listens, for the sake of their ports."""


@dataclass(slots=True, kw_only=True)
class Report:
    """What a trial did, and what went wrong in it."""

    counts: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def count(self, what: str, number: int = 1) -> None:
        """Adds to what was done."""
        self.counts[what] = self.counts.get(what, 0) + number

    def fault(self, what: str, number: int = 1, note: str | None = None) -> None:
        """Adds to what must be 0; a `note` says how it came about, of the first ones at least."""
        self.faults[what] = self.faults.get(what, 0) + number
        if note and number and len(self.notes) < 20:
            self.notes.append(f"{what}: {note}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a trial is given: how much of it is asked for, chance, a folder of its own, and where it reports."""

    is_long: bool
    rng: random.Random
    folder: Path
    report: Report

    def sized(self, short: int, long: int) -> int:
        """The number for the form that is asked for."""
        return long if self.is_long else short


def run_script(play: Callable[[Trial], None]) -> None:
    """The command line of a trial: prints the seed, the counts and the faults; the status is 1 where there are any."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--long", action="store_true", help="the full numbers")
    parser.add_argument("--seed", type=int, default=None, help="repeat what this seed gave")
    parser.add_argument("--json", action="store_true", help="one JSON document as the last line")
    options = parser.parse_args()
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    report = Report()
    began = time.monotonic()
    try:
        play(Trial(is_long=options.long, rng=random.Random(seed), folder=folder, report=report))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for what, number in (report.counts | report.faults).items():
        print(f"{what}: {number:,}")
    for note in report.notes:
        print(f"  {note}")
    if options.json:
        taken_s = round(time.monotonic() - began, 1)
        print(json.dumps({"seed": seed, "taken_s": taken_s, "counts": report.counts, "faults": report.faults}))
    sys.exit(any(report.faults.values()))


def free_port() -> int:
    """A port of this machine that nobody uses, nor is given by chance while this process lives."""
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    port = int(holder.getsockname()[1])
    if sys.platform == "linux":
        _HELD.append(holder)
    else:  # where who only holds a port keeps a server from it
        holder.close()
    return port


def until(condition: Callable[[], bool], what: str, every_s: float = 0.005, patience_s: float = PATIENCE_S) -> None:
    """Returns once `condition` holds; raises TimeoutError where it does not come true."""
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {patience_s:.0f} s for {what}")
        time.sleep(every_s)


class Process:
    """A child that can be killed and started again; `errors` keeps what it wrote to standard error in all its lives."""

    def __init__(self, command: list[str], errors: Path, environment: dict[str, str] | None = None) -> None:
        self.command = command
        self._errors = errors
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        """Of the present life."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self, ready: str | None = None) -> None:
        """Begins a life; waits for a line with `ready` on its standard output."""
        with self._errors.open("a") as errors:
            self._process = subprocess.Popen(
                self.command, stdout=subprocess.PIPE, stderr=errors, text=True, env=self._environment
            )
        assert self._process.stdout is not None
        while ready is not None:
            line = self._process.stdout.readline()
            if not line:
                raise RuntimeError(f"{self.command} ended before it was ready: {self.errors()[-2000:]}")
            if ready in line:
                break

    def kill(self) -> None:
        """kill -9; nothing happens to one that has ended."""
        self.end(signal.SIGKILL)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Its exit status, after a signal."""
        if self._process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
        return self.wait()

    def wait(self, patience_s: float = PATIENCE_S) -> int:
        """Its exit status; one that does not end has to show where it is."""
        assert self._process is not None
        try:
            status = self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGABRT)
            status = self._process.wait(patience_s)
        if self._process.stdout:
            self._process.stdout.close()
        return status

    def rss_bytes(self) -> int:
        """The memory that it holds."""
        return int(psutil.Process(self.pid).memory_info().rss)

    def errors(self) -> str:
        """What it wrote to standard error."""
        return self._errors.read_text(errors="replace") if self._errors.exists() else ""


class Server(Process):
    """`ml_board` over a storage, always on the same port; `code` runs it, after what a trial does to its process."""

    def __init__(
        self, trial: Trial, *options: str, code: str = BOARD, environment: dict[str, str] | None = None
    ) -> None:
        self.storage = trial.folder / "event_storage"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        arguments = ["--event_storage_path", str(self.storage), "--port", str(self.port), *options]
        super().__init__([sys.executable, "-c", code, *arguments], trial.folder / "server.err", environment)

    def log_path(self, run_id: str) -> Path:
        """The log of a run."""
        return self.storage / run_id / "event_storage.log"

    def start(self, ready: str | None = "ACCESS") -> None:
        """Returns when it answers."""
        super().start(ready)

    def num_tracebacks(self) -> int:
        """How often something came up in it that nobody expected."""
        return self.errors().count("Traceback")


@contextlib.contextmanager
def serving(trial: Trial, *options: str, **more: Any) -> Iterator[Server]:
    """A server for the time of a block; a crash or a traceback of it is a fault."""
    server = Server(trial, *options, **more)
    server.start()
    try:
        yield server
        trial.report.fault("crashes of the server", not server.is_running, server.errors()[-500:])
        trial.report.fault("tracebacks in the server", server.num_tracebacks(), server.errors()[-2000:])
    finally:
        server.kill()
