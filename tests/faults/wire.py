"""A publisher and a subscriber of version 2, written from the contract alone: they use nothing of the project.

Event n of a producer says n as its epoch, so that any process can make it again and any reader can check it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import engineio
import socketio

FIRST_TS = 1_767_323_045_000_000
"""When the first event was made; event n was n microseconds later."""
PATIENCE_S = 120.0
"""How long an answer may take: a machine may be slow, and a connection that breaks shows at once."""
_LOOK_EVERY_S = 0.1
_SILENT = logging.getLogger("faults.wire")
"""For what the library says of connections that are broken here on purpose."""
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False
Answer = dict[str, Any]


class BrokenError(Exception):
    """The connection broke, or stayed silent for too long."""


def event_line(run_id: str, seq: int, producer: str | None = None, creation_ts: int | None = None) -> bytes:
    """The line of event `seq`, stamped with its producer where one is given."""
    event: Answer = {
        "event_type": "evaluation_result",
        "creation_ts": creation_ts or FIRST_TS + seq,
        "payload": {
            "grid_search_id": run_id,
            "experiment_id": seq % 7,
            "epoch": seq,
            "metric_scores": [{"metric": "f1", "split": "val", "score": 1 / seq}],
            "loss_scores": [{"loss": "entropy", "split": "val", "score": seq / 3}],
        },
    }
    if producer:
        event["x"] = {"producer": producer, "seq": seq}
    return json.dumps(event, separators=(",", ":")).encode()


class _Transport(engineio.Client):
    """Handles each message in the thread that reads: in threads of their own, attachments overtake their events."""

    def _trigger_event(self, event: str, *arguments: Any, **options: Any) -> Any:
        return super()._trigger_event(event, *arguments, **(options | {"run_async": False}))


class _Client(socketio.Client):
    """A client that takes messages in their order."""

    def _engineio_client_class(self) -> type[engineio.Client]:
        return _Transport


class Connection:
    """A client that notices at once when its connection breaks while it waits for an answer."""

    def __init__(
        self, url: str, token: str | None = None, patience_s: float = PATIENCE_S, origin: str | None = None
    ) -> None:
        self._patience_s = patience_s
        self._changed = threading.Condition()
        self.is_broken = False
        self.socket = _Client(
            reconnection=False,
            handle_sigint=False,
            request_timeout=patience_s,
            engineio_logger=_SILENT,
            websocket_extra_options={"origin": origin} if origin else {"suppress_origin": True},
        )
        self.socket.on("disconnect", self._break)
        try:
            self.socket.connect(
                url, transports=["websocket"], wait_timeout=patience_s, auth={"token": token} if token else None
            )
        except socketio.exceptions.ConnectionError as error:
            self.close()
            raise BrokenError(str(error)) from error

    def call(self, event: str, data: Any) -> Answer:
        """What the server answers. Raises BrokenError."""
        answers: list[Any] = []

        def take(*answer: Any) -> None:
            with self._changed:
                answers.append(answer[0] if answer else None)
                self._changed.notify_all()

        try:
            self.socket.emit(event, data, callback=take)
        except socketio.exceptions.SocketIOError as error:
            raise BrokenError(str(error)) from error
        with self._changed:
            if not self._changed.wait_for(lambda: answers or self.is_broken, self._patience_s) or not answers:
                raise BrokenError(f"no answer to {event}")
        return dict(answers[0]) if isinstance(answers[0], dict) else {"answer": answers[0]}

    def close(self) -> None:
        """Hangs up without the parting in form, for which the library's threads wait for one another.

        The socket is closed once none of them reads from it: its descriptor may be the next connection's at once.
        """
        self._break()
        bare, reader = self.socket.eio.ws, self.socket.eio.read_loop_task
        if bare is None or reader is None:
            return
        with contextlib.suppress(Exception):  # whatever a connection that is broken anyway still has to say
            bare.abort()
            for _ in range(round(self._patience_s / _LOOK_EVERY_S)):
                if not reader.is_alive():
                    break
                # The reader waits for the writer, who takes an end that stands behind a message for none.
                self.socket.eio.queue.put(None)
                reader.join(_LOOK_EVERY_S)
            if not reader.is_alive():
                bare.shutdown()

    def _break(self, *_reason: object) -> None:
        with self._changed:
            self.is_broken = True
            self._changed.notify_all()


class Publisher(Connection):
    """Sends the events of one producer, in batches of which the server says how far they count."""

    def __init__(
        self, url: str, run_id: str, producer: str, token: str | None = None, patience_s: float = PATIENCE_S
    ) -> None:
        super().__init__(url, token, patience_s)
        self.run_id = run_id
        self.producer = producer

    def hello(self) -> Answer:
        """How far the server is."""
        return self.call("hello", {"v": 2, "producer": self.producer, "grid_search_id": self.run_id})

    def batch(self, seqs: Iterable[int], is_stamped: bool = True) -> Answer:
        """What the server says of these events; those without a stamp are the next ones."""
        producer = self.producer if is_stamped else None
        return self.call("batch", b"\n".join(event_line(self.run_id, seq, producer) for seq in seqs))


class Copy:
    """The bytes of a log as a subscriber was sent them; connection after connection may go on with it."""

    def __init__(self) -> None:
        self.offset = 0
        self.lines = bytearray()
        self.num_strays = 0
        """Chunks that did not begin where the one before ended."""

    def take(self, first: int, lines: bytes) -> None:
        """Keeps the lines from number `first` on."""
        if first != self.offset:
            self.num_strays += 1
            return
        self.lines += lines
        self.offset += lines.count(b"\n")


class Subscriber(Connection):
    """Goes on with `copy` where it ends; each chunk is acknowledged once it is kept."""

    def __init__(self, url: str, run_id: str, copy: Copy, token: str | None = None) -> None:
        self._run_id = run_id
        self._copy = copy
        super().__init__(url, token)
        self.socket.on("history", self._take)
        self.socket.on("live", self._take)

    def join(self) -> Answer:
        """Begins to receive."""
        return self.call("join", {"rooms": [self._run_id], "from_offset": self._copy.offset, "v": 2})

    def _take(self, chunk: Answer) -> None:
        with self._changed:  # another connection may go on with the copy once this one is broken
            if not self.is_broken:
                self._copy.take(chunk["from"], chunk["lines"])


@contextlib.contextmanager
def publishing(url: str, run_id: str, producer: str, **options: Any) -> Iterator[Publisher]:
    """A publisher for the time of a block."""
    publisher = Publisher(url, run_id, producer, **options)
    try:
        yield publisher
    finally:
        publisher.close()


@contextlib.contextmanager
def subscribing(url: str, run_id: str, copy: Copy, **options: Any) -> Iterator[Subscriber]:
    """A subscriber that has joined, for the time of a block."""
    subscriber = Subscriber(url, run_id, copy, **options)
    try:
        subscriber.join()
        yield subscriber
    finally:
        subscriber.close()


class Follower(threading.Thread):
    """Subscribes again and again until it is stopped, and goes on with its copy each time."""

    def __init__(self, url: str, run_id: str, token: str | None = None) -> None:
        super().__init__(daemon=True)
        self.copy = Copy()
        self.num_joins = 0
        self._where = (url, run_id)
        self._token = token
        self._stopped = threading.Event()

    def run(self) -> None:
        """Until `stop`."""
        while not self._stopped.wait(0.05):
            with contextlib.suppress(BrokenError), subscribing(*self._where, self.copy, token=self._token) as joined:
                self.num_joins += 1
                while not joined.is_broken and not self._stopped.wait(0.02):
                    pass

    def stop(self) -> None:
        """Ends it."""
        self._stopped.set()
        self.join()
