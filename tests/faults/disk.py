"""A small disk that is filled and freed again and again, under a server with publishers and checkpoints.

A full disk is told (`storage_full`, 507), nothing that was acknowledged is lost, what is there stays readable, and all
goes on once there is room. The disk is a tmpfs in a mount namespace of this script's own; where none can be had, the
server's files are bounded in size instead (RLIMIT_FSIZE), which gives EFBIG for ENOSPC.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Protocol

import requests
from ledger import LineCount, audit
from rig import Server, Trial, run_script, until
from wire import PATIENCE_S, BrokenError, Publisher, publishing

RUN_ID = "2026-01-02--03-04-05"
SIZE_BYTES = 16 * 2**20
INSIDE = "MLGYM_FAULTS_INSIDE_A_NAMESPACE"
LIMITED = str(Path(__file__).with_name("limited.py"))


class Disk(Protocol):
    """Something that a server writes to."""

    name: str

    def fill(self) -> None:
        """The log cannot grow by a line from now on."""

    def free(self) -> None:
        """It can again."""


class Tmpfs:
    """A real small disk below the storage of `server`."""

    name = "a tmpfs"

    def __init__(self, server: Server) -> None:
        server.storage.mkdir(exist_ok=True)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_BYTES}", "none", str(server.storage)]
        subprocess.run(mount, check=True, capture_output=True)
        self._ballast = server.storage / ".ballast"

    def fill(self) -> None:
        """Not a byte more fits."""
        with self._ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"\0" * 4096)

    def free(self) -> None:
        """As it was."""
        self._ballast.unlink()


class FileLimit:
    """No disk, but a bound on how large the files of `server` may grow."""

    name = "bounded files"

    def __init__(self, server: Server, bound: Path) -> None:
        self._log = server.log_path(RUN_ID)
        self._bound = bound
        server.command = [sys.executable, LIMITED, str(bound), *server.command[3:]]
        self.free()

    def fill(self) -> None:
        """The log is as large as it may be."""
        self._set(str(self._log.stat().st_size + 50))

    def free(self) -> None:
        """No bound."""
        self._set("")

    def _set(self, bound: str) -> None:
        beside = self._bound.with_suffix(".new")
        beside.write_text(bound)
        beside.replace(self._bound)


class Sender(threading.Thread):
    """Publishes slowly, and waits where it is told that the disk is full."""

    def __init__(self, server: Server, producer: str) -> None:
        super().__init__(daemon=True)
        self.producer = producer
        self.acknowledged = 0
        self.num_full = 0
        self.faults: list[str] = []
        self._server = server
        self._stopped = threading.Event()

    def run(self) -> None:
        """Until `stop`, and then until all that was begun is acknowledged."""
        while not self._stopped.is_set():
            with contextlib.suppress(BrokenError), publishing(self._server.url, RUN_ID, self.producer) as publisher:
                self._send(publisher)
            self._stopped.wait(0.05)

    def _send(self, publisher: Publisher) -> None:
        answer = publisher.hello()
        while "last_seq" in answer and "err" not in answer:
            if answer["last_seq"] < self.acknowledged:
                self.faults.append(f"{answer}, after {self.acknowledged} of {self.producer} were acknowledged")
            self.acknowledged = answer["last_seq"]
            if self._stopped.wait(0.02):
                return
            answer = publisher.batch(range(self.acknowledged + 1, self.acknowledged + 9))
        if answer.get("err") == "storage_full" and answer.get("retry_after", 0) > 0:
            self.num_full += 1
        else:
            self.faults.append(f"refused otherwise: {answer}")

    def stop(self) -> None:
        """Ends it."""
        self._stopped.set()
        self.join()


def play(trial: Trial) -> None:
    """Fills and frees; in some turns the server is killed and started again on the full disk."""
    server = Server(trial)
    disk = make_disk(trial, server)
    server.start()
    senders = [Sender(server, producer) for producer in ("a", "b")]
    for sender in senders:
        sender.start()
    try:
        for turn in range(trial.sized(5, 20)):
            turn_once(trial, server, disk, senders, is_killed=turn % 5 == 2)
            trial.report.count("turns")
            trial.report.count(f"turns: {disk.name}")
        for sender in senders:
            sender.stop()
        trial.report.fault("crashes of the server", not server.is_running)
    finally:
        server.kill()
    expected = {sender.producer: sender.acknowledged for sender in senders}
    trial.report.count("events stored", audit(server.log_path(RUN_ID), expected, trial.report).num_lines)
    for sender in senders:
        trial.report.count("answers that the disk is full", sender.num_full)
        trial.report.fault("acknowledgements broken", len(sender.faults), "; ".join(sender.faults[:2]))
    trial.report.fault("tracebacks in the server", server.num_tracebacks(), server.errors()[-2000:])


def make_disk(trial: Trial, server: Server) -> Disk:
    """A real one where this process may mount it; its namespace goes away with it."""
    if INSIDE in os.environ:
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            return Tmpfs(server)
    return FileLimit(server, trial.folder / "bound")


def turn_once(trial: Trial, server: Server, disk: Disk, senders: list[Sender], is_killed: bool) -> None:
    """Full, looked at, and free again."""
    wait_for_more(senders)
    disk.fill()
    told = [sender.num_full for sender in senders]
    until(lambda: all(sender.num_full > before for sender, before in zip(senders, told, strict=True)), "full")
    if is_killed:
        server.kill()
        server.start()
        trial.report.count("kills on a full disk")
    num_lines = LineCount(server.log_path(RUN_ID))()
    shown = requests.get(f"{server.url}/api/runs/{RUN_ID}", timeout=PATIENCE_S)
    trial.report.fault("not readable", shown.status_code != 200 or shown.json()["offset"] < num_lines, shown.text[:200])
    upload = {"checkpoint_file": ("model", b"\1" * SIZE_BYTES)}
    refused = requests.post(f"{server.url}/checkpoints/{RUN_ID}/0/0", files=upload, timeout=PATIENCE_S)
    trial.report.fault("answered otherwise than 507", refused.status_code != 507, refused.text[:200])
    time.sleep(trial.rng.random() * 0.2)
    disk.free()
    wait_for_more(senders)


def wait_for_more(senders: list[Sender]) -> None:
    """Each has stored something new."""
    before = [sender.acknowledged for sender in senders]
    until(lambda: all(sender.acknowledged > least for sender, least in zip(senders, before, strict=True)), "events")


def enter_namespace() -> None:
    """Begins this script again where it may mount a disk that nobody else sees, if the machine lets it."""
    unshare = shutil.which("unshare")
    if INSIDE in os.environ or not unshare:
        return
    if subprocess.run([unshare, "--map-root-user", "--mount", "true"], capture_output=True).returncode == 0:
        command = [unshare, "--map-root-user", "--mount", sys.executable, *sys.argv]
        os.execve(unshare, command, {**os.environ, INSIDE: "1"})


if __name__ == "__main__":
    enter_namespace()
    run_script(play)
