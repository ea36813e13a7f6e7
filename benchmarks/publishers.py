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


@contextmanager
def connected(url: str) -> Iterator[socketio.Client]:
    """A client of the server at `url`."""
    client = socketio.Client(reconnection=False, handle_sigint=False)
    client.connect(url, transports=["websocket"], wait_timeout=20)
    try:
        yield client
    finally:
        client.disconnect()


def say_hello(client: socketio.Client, run_id: str, producer: str) -> None:
    """Binds the connection to a run; raises where the server refuses."""
    answer = client.call("hello", {"v": 2, "producer": producer, "grid_search_id": run_id}, timeout=60)
    if answer.get("err"):
        raise RuntimeError(answer)


def send(client: socketio.Client, batch: bytes) -> None:
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
    clients = [socketio.Client(reconnection=False, handle_sigint=False) for _ in range(num_clients)]

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
        client.connect(url, transports=["websocket"], wait_timeout=20)
        client.emit("join", {"rooms": [run_id], "from_offset": 0, "v": 2})
    start.wait()
    done.wait(600)
    results.put((counts, time.monotonic()))
    for client in clients:
        client.disconnect()


def total(spans: Sequence[tuple[float, float]]) -> float:
    """Seconds from the first begin to the last end."""
    return max(end for _, end in spans) - min(begin for begin, _ in spans)
