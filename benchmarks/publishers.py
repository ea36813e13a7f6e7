"""Processes that publish to a server and subscribe to it, as serving.py and memory.py start them.

Lines are made before the clock starts, as a spool holds them; what is timed is sending, storing and acknowledging.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.synchronize import Barrier as BarrierType
from typing import Any

import engineio
import socketio

from mlgym_core.events.codec import encode_event
from mlgym_core.events.types import EvaluationResult, MetricScore

BATCH = 2_000


def make_lines(run_id: str, num_events: int) -> list[bytes]:
    """Lines of a spool: one score each, of 20 experiments in turns."""
    return [
        encode_event(
            EvaluationResult(
                grid_search_id=run_id,
                experiment_id=number % 20,
                epoch=number // 20,
                metric_scores=[MetricScore(metric="f1", split="val", score=number / num_events)],
                loss_scores=[],
            )
        )
        for number in range(num_events)
    ]


class _OneThread(engineio.Client):  # type: ignore[misc]
    """Handles each message in the thread that reads: in threads of their own, attachments overtake their events."""

    def _trigger_event(self, event: str, *arguments: Any, **options: Any) -> Any:
        return super()._trigger_event(event, *arguments, **(options | {"run_async": False}))


class Client(socketio.Client):  # type: ignore[misc]
    """A client that takes messages in their order and does not come back on its own."""

    def __init__(self, url: str) -> None:
        super().__init__(reconnection=False, handle_sigint=False)
        self._url = url

    def open(self) -> None:
        """Connects."""
        self.connect(self._url, transports=["websocket"], wait_timeout=20)

    def _engineio_client_class(self) -> type[engineio.Client]:
        return _OneThread


@contextmanager
def connected(url: str) -> Iterator[Client]:
    """A client of the server at `url`."""
    client = Client(url)
    client.open()
    try:
        yield client
    finally:
        client.disconnect()


def say_hello(client: Client, run_id: str, producer: str) -> None:
    """Binds the connection to a run; raises where the server refuses."""
    answer = client.call("hello", {"v": 2, "producer": producer, "grid_search_id": run_id}, timeout=60)
    if answer.get("err"):
        raise RuntimeError(answer)


def send(client: Client, batch: bytes) -> None:
    """Sends one batch and waits until it is stored; raises where the server refuses."""
    answer = client.call("batch", batch, timeout=60)
    if answer.get("err"):
        raise RuntimeError(answer)


def publish(url: str, run_id: str, producer: str, num_events: int, start: BarrierType, results: Any) -> None:
    """One publisher: puts (first batch, last answer), on the monotonic clock, into `results`."""
    lines = make_lines(run_id, num_events)
    batches = [b"\n".join(lines[first : first + BATCH]) for first in range(0, num_events, BATCH)]
    with connected(url) as client:
        say_hello(client, run_id, producer)
        start.wait()
        begin = time.monotonic()
        for batch in batches:
            send(client, batch)
        results.put((begin, time.monotonic()))


def subscribe(url: str, run_id: str, num_clients: int, num_events: int, start: BarrierType, results: Any) -> None:
    """`num_clients` subscribers in one process: puts the moment at which the last of them had all events."""
    counts = [0] * num_clients
    done = threading.Event()
    clients = [Client(url) for _ in range(num_clients)]

    def receive(number: int) -> Any:
        def count(message: dict[str, Any]) -> bool:
            counts[number] += message["lines"].count(b"\n")
            if min(counts) >= num_events:
                done.set()
            return True

        return count

    for number, client in enumerate(clients):
        for event in ("history", "live"):
            client.on(event, receive(number))
        client.open()
        client.emit("join", {"rooms": [run_id], "from_offset": 0, "v": 2})
    start.wait()
    done.wait(600)
    results.put((counts, time.monotonic()))
    for client in clients:
        client.disconnect()


def total(spans: Sequence[tuple[float, float]]) -> float:
    """Seconds from the first begin to the last end."""
    return max(end for _, end in spans) - min(begin for begin, _ in spans)
