"""How much memory does the server need with 50 subscribers, ten of which stall, while a million events come?

A stalled subscriber reads nothing any more after its first chunk; the others acknowledge each at once.
Usage: python benchmarks/memory.py [--events N]
"""

import argparse
import multiprocessing
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from publishers import BATCH, Client, connected, make_lines, say_hello, send
from report import print_table
from servers import our_server

NUM_FAST, NUM_STALLED = 40, 10
RUN_ID = "2026-01-02--03-04-05"
MIB = 2**20


def hold_subscribers(url: str, joined: Any, end: Any) -> None:
    """A process with all subscribers: the fast ones acknowledge each chunk, the stalled ones read no further."""
    for number in range(NUM_FAST + NUM_STALLED):
        client = Client(url)
        for event in ("history", "live"):
            client.on(event, _stall if number < NUM_STALLED else _acknowledge)
        client.open()
        client.emit("join", {"rooms": [RUN_ID], "from_offset": 0, "v": 2})
    joined.set()
    end.wait()
    os._exit(0)  # threads that stall would be waited for


def _acknowledge(_: Any) -> bool:
    return True


def _stall(_: Any) -> None:
    threading.Event().wait()


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    num_events = parser.parse_args().events
    context = multiprocessing.get_context("spawn")
    rows: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory() as folder, our_server(Path(folder)) as server:
        rows.append(("at the start", f"{server.rss_bytes() / MIB:.0f}"))
        joined, end = context.Event(), context.Event()
        holder = context.Process(target=hold_subscribers, args=(server.url, joined, end))
        holder.start()
        joined.wait(120)
        peak = _Peak(server.rss_bytes)
        with connected(server.url) as client:
            for part in range(10):
                lines = make_lines(RUN_ID, num_events // 10)
                say_hello(client, RUN_ID, f"producer-{part}")
                for first in range(0, len(lines), BATCH):
                    send(client, b"\n".join(lines[first : first + BATCH]))
                rows.append((f"after {(part + 1) * len(lines):,} events", f"{server.rss_bytes() / MIB:.0f}"))
        time.sleep(5)
        rows.append(("5 s later", f"{server.rss_bytes() / MIB:.0f}"))
        rows.append(("at most", f"{peak.end() / MIB:.0f}"))
        end.set()
        holder.join(30)
    print_table(f"Server with {NUM_FAST + NUM_STALLED} subscribers, {NUM_STALLED} of them stalled; goal: 300 MiB, flat",
                ("", "MiB"), rows)  # fmt: skip


class _Peak:
    """The highest of what `look` returns, looked at ten times a second."""

    def __init__(self, look: Any) -> None:
        self._look = look
        self._highest = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def end(self) -> int:
        """The highest that was seen."""
        self._ended.set()
        self._thread.join()
        return self._highest

    def _work(self) -> None:
        while not self._ended.wait(0.1):
            self._highest = max(self._highest, self._look())


if __name__ == "__main__":
    main()
