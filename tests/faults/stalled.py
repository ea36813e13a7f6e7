"""Stalled and fast subscribers on one run: the fast ones get every byte in order, the server's memory stays bounded.

One of the stalled ones reads and never acknowledges a chunk, one never reads from its socket, one watches the board's
view and never reads. The fast ones are of the contract alone.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Iterator
from os import urandom

from ledger import LineCount, audit
from rig import Server, Trial, run_script, serving, until
from wire import Follower, publishing

RUN_ID = "2026-01-02--03-04-05"
NUM_FAST = 5
MAX_RSS_BYTES = 300 * 2**20
BATCH = 1000


def play(trial: Trial) -> None:
    """Publishes in batches, and looks at the memory after each."""
    num_events = trial.sized(20_000, 100_000)
    with serving(trial) as server:
        with publishing(server.url, RUN_ID, "a") as publisher:
            publisher.hello()
            publisher.batch(range(1, BATCH + 1))
            before = server.rss_bytes()
            fast = [Follower(server.url, RUN_ID) for _ in range(NUM_FAST)]
            for follower in fast:
                follower.start()
            with stalled(server, "join", reads=True), stalled(server, "join"), stalled(server, "watch"):
                highest = before
                for first in range(BATCH + 1, num_events + 1, BATCH):
                    answer = publisher.batch(range(first, first + BATCH))
                    trial.report.fault("batches refused", "err" in answer, str(answer))
                    highest = max(highest, server.rss_bytes())
                until(lambda: all(each.copy.offset >= num_events for each in fast), "the fast subscribers")
                highest = max(highest, server.rss_bytes())
        look(trial, server, fast, num_events)
        trial.report.count("MiB of the server before", before // 2**20)
        trial.report.count("MiB of the server at most", highest // 2**20)
        trial.report.fault("MiB beyond the bound", max(0, highest - MAX_RSS_BYTES) // 2**20)


def look(trial: Trial, server: Server, fast: list[Follower], num_events: int) -> None:
    """What the fast ones have, and the log."""
    path = server.log_path(RUN_ID)
    whole = path.read_bytes()
    for follower in fast:
        follower.stop()
        trial.report.count("fast subscribers")
        trial.report.fault("bytes they have otherwise", bytes(follower.copy.lines) != whole)
        trial.report.fault("chunks out of place", follower.copy.num_strays)
        trial.report.fault("joined again", follower.num_joins - 1)
    audit(path, {"a": num_events}, trial.report)
    trial.report.count("events stored", LineCount(path)())


@contextlib.contextmanager
def stalled(server: Server, event: str, reads: bool = False) -> Iterator[None]:
    """A client that asks for a run over a bare web socket and answers nothing; unless it `reads`, not even that."""
    with socket.create_connection(("127.0.0.1", server.port)) as bare:
        bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        key = "x3JJHMbDL1EzLkh9GBhXDw=="
        bare.sendall(
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
            f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            f"Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        data = {"rooms": [RUN_ID], "from_offset": 0, "v": 2} if event == "join" else {"run_id": RUN_ID}
        bare.recv(4096)
        send_text(bare, "40")
        bare.recv(4096)
        send_text(bare, f"420{json.dumps([event, data])}")
        if reads:
            threading.Thread(target=drain, args=(bare,), daemon=True).start()
        yield


def drain(bare: socket.socket) -> None:
    """Reads until the other side, or this one, hangs up."""
    with contextlib.suppress(OSError):
        while bare.recv(65536):
            pass


def send_text(bare: socket.socket, text: str) -> None:
    """One masked frame of text."""
    content, mask = text.encode(), urandom(4)
    assert len(content) < 126
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(content))
    bare.sendall(struct.pack("!BB", 0x81, 0x80 | len(content)) + mask + masked)


if __name__ == "__main__":
    run_script(play)
