"""Servers in processes of their own, as serving.py, reading.py and memory.py start them: ours, and MLgym's."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

MLGYM = (
    "import sys; from flask import Flask; from ml_board.backend.websocket_api.websocket_server import WebSocketServer; "
    "WebSocketServer(host='127.0.0.1', port=int(sys.argv[1]), async_mode=None, app=Flask('x'), "
    "top_level_logging_path=sys.argv[2], cors_allowed_origins='*').run()"
)
"""What `ml_board_ws_endpoint` of MLgym 0.0.75 does; its own script has the name of ours."""


@dataclass(frozen=True)
class Server:
    """A server that runs: where it answers, and its process."""

    url: str
    pid: int

    def rss_bytes(self) -> int:
        """The memory that the process has now."""
        return int(psutil.Process(self.pid).memory_info().rss)


@contextmanager
def our_server(folder: Path) -> Iterator[Server]:
    """`ml_board` on a free port."""
    command = [sys.executable, "-c", "from ml_board.cli import ml_board; ml_board()", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--event_storage_path", str(folder)], stdout=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        assert process.stdout is not None
        found = re.search(r"http://[\w.:\[\]-]+", process.stdout.readline())
        if found is None:
            raise RuntimeError("ml_board did not start")
        yield Server(url=found[0].rstrip("/"), pid=process.pid)
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def mlgym_server(python: str, wheel: Path, folder: Path) -> Iterator[Server]:
    """The event server of MLgym 0.0.75, out of its wheel, run by an interpreter that has what it needs."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    script = f"import sys; sys.path.insert(0, {str(wheel)!r}); {MLGYM}"
    process = subprocess.Popen(
        [python, "-c", script, str(port), str(folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _await(port, process)
        yield Server(url=f"http://127.0.0.1:{port}", pid=process.pid)
    finally:
        process.kill()
        process.wait()


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the peer's server did not start")
