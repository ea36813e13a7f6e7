"""A TCP proxy between client and server that breaks in four ways: nothing lost, nothing twice, nothing out of order.

It resets connections, swallows what one side says, closes one direction, or loses what the server answers. Publishers
of the contract alone, which give up an answer soon, and the project's own carrier go through it.
"""

from __future__ import annotations

import contextlib
import random
import select
import socket
import struct
import sys
import threading
import time
from pathlib import Path

from client import result
from ledger import audit, read_ledger
from rig import Process, Trial, run_script, serving, until
from wire import Answer, BrokenError, Publisher, publishing

from mlgym_core.events.folder import EventStorage
from mlgym_core.events.spool import Spool

RUN_ID = "2026-01-02--03-04-05"
WORKERS = str(Path(__file__).with_name("workers.py"))
WAYS = ("reset", "swallow", "half-close", "lose acknowledgements")
PATIENCE_S = 0.5
"""How long the publishers of this trial wait for an answer; the contract's 10 s would make it an hour."""
MOST_PATIENCE_S = 10.0


class Proxy(threading.Thread):
    """Passes bytes on to `target`, until it is told to break a connection."""

    def __init__(self, target: int, rng: random.Random) -> None:
        super().__init__(daemon=True)
        self._target = target
        self._rng = rng
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._way: str | None = None
        self._broken = threading.Event()

    def run(self) -> None:
        """Until the process ends."""
        while True:
            client, _ = self._listener.accept()
            server = socket.create_connection(("127.0.0.1", self._target))
            threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()

    def break_one(self, way: str) -> None:
        """Breaks the connection on which bytes come next; returns once it did."""
        self._broken.clear()
        self._way = way
        if not self._broken.wait(60):
            raise TimeoutError(f"no byte came to {way}")

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        other = {client: server, server: client}
        mute: set[socket.socket] = set()
        open_ends = {client, server}
        with client, server, contextlib.suppress(OSError):
            while open_ends:
                for end in select.select(list(open_ends), [], [], 30)[0]:
                    data = end.recv(65536)
                    if not data:
                        open_ends.discard(end)
                        other[end].shutdown(socket.SHUT_WR)
                    elif end not in mute:
                        self._send(end, other[end], data, client, mute)

    def _send(
        self, end: socket.socket, to: socket.socket, data: bytes, client: socket.socket, mute: set[socket.socket]
    ) -> None:
        way = self._way
        if way is None or (end is client) == (way == "lose acknowledgements"):
            to.sendall(data)
            return
        self._way = None
        self._broken.set()
        to.sendall(data[: self._rng.randrange(len(data))])  # somewhere within a frame
        if way == "reset":
            for each in (end, to):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise ConnectionResetError
        if way == "half-close":
            to.shutdown(socket.SHUT_WR)
        mute.add(end)


class Sender(threading.Thread):
    """A publisher of the contract alone, through the proxy; `acknowledged` is what it was told is safe."""

    def __init__(self, url: str, producer: str, seed: int) -> None:
        super().__init__(daemon=True)
        self.producer = producer
        self.acknowledged = 0
        self.faults: list[str] = []
        self.num_breaks = 0
        self._url = url
        self._rng = random.Random(seed)
        self._stopped = threading.Event()

    def run(self) -> None:
        """Until `stop`, and then until all that was begun is acknowledged."""
        patience_s = PATIENCE_S
        while not self._stopped.is_set():
            before = self.acknowledged
            try:
                with publishing(self._url, RUN_ID, self.producer, patience_s=patience_s) as publisher:
                    self._send(publisher)
            except BrokenError:
                self.num_breaks += 1
            # A slow machine takes longer for the first answer.
            patience_s = PATIENCE_S if self.acknowledged > before else min(2 * patience_s, MOST_PATIENCE_S)

    def _send(self, publisher: Publisher) -> None:
        last = self._told(publisher.hello(), 0)
        while not self._stopped.wait(self._rng.random() * 0.02):
            batch = range(last + 1, last + self._rng.randint(2, 60))
            last = self._told(publisher.batch(batch, is_stamped=self._rng.random() < 0.5), batch[-1])

    def _told(self, answer: Answer, least: int) -> int:
        if "err" in answer or answer.get("last_seq", -1) < max(least, self.acknowledged):
            self.faults.append(f"{answer}, after {self.acknowledged} of {self.producer} were acknowledged")
            raise BrokenError
        self.acknowledged = int(answer["last_seq"])
        return self.acknowledged

    def stop(self) -> None:
        """Ends it."""
        self._stopped.set()
        self.join()


def play(trial: Trial) -> None:
    """Breaks, one connection at a time, then lets all come through."""
    with serving(trial) as server:
        proxy = Proxy(server.port, trial.rng)
        senders = [Sender(proxy.url, producer, trial.rng.randrange(2**31)) for producer in ("a", "b")]
        storage = trial.folder / "recorder"
        spool = Spool(EventStorage(storage).outbox.run(RUN_ID))
        carry = [sys.executable, WORKERS, "carry", str(storage), RUN_ID, proxy.url]
        carrier = Process(carry, trial.folder / "carry.err")
        proxy.start()
        carrier.start()
        for sender in senders:
            sender.start()
        try:
            num_published = publish_while_breaking(trial, proxy, spool)
            enough = trial.sized(200, 5_000)  # a slow machine gets few through between the breaks
            until(lambda: sum(sender.acknowledged for sender in senders) >= enough, "enough acknowledgements")
            for sender in senders:
                sender.stop()
            expected = {sender.producer: sender.acknowledged for sender in senders} | {spool.producer: num_published}
            path = server.log_path(RUN_ID)
            until(lambda: path.exists() and not read_ledger(path).num_lost(expected), "all events", 0.2)
        finally:
            carrier.kill()
            spool.close()
        trial.report.count("events stored", audit(path, expected, trial.report).num_lines)
        for sender in senders:
            trial.report.count("events acknowledged through the proxy", sender.acknowledged)
            trial.report.count("connections begun anew", sender.num_breaks)
            trial.report.fault("acknowledgements broken", len(sender.faults), "; ".join(sender.faults[:2]))


def publish_while_breaking(trial: Trial, proxy: Proxy, spool: Spool) -> int:
    """How many events the project's own client published meanwhile."""
    num_published = 0
    for number in range(trial.sized(12, 100)):
        for _ in range(100):
            num_published += 1
            spool.publish(result(RUN_ID, num_published))
        time.sleep(trial.rng.random() * 0.2)
        way = WAYS[number % len(WAYS)]
        proxy.break_one(way)
        trial.report.count(f"breaks: {way}")
    return num_published


if __name__ == "__main__":
    run_script(play)
