"""One server, and the events that it has not acknowledged yet.

Owns a connection, what is in flight on it, and when it is tried again. Knows no file of a run but its staged log.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec
import socketio

from mlgym_core.events import codes
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.log import LogReader
from mlgym_core.publish.backoff import Backoff

_LOG = logging.getLogger(__name__)
WINDOW = 256
"""How many events may be on their way at once; the server stores them in their order all the same."""
ACKNOWLEDGEMENT_S = 10.0
_CHUNK_BYTES = 2**20


class _BrokenError(Exception):
    """The connection is of no more use: it broke, was silent for too long, or the server refused an event."""


class Delivery:
    """Sends a staged log to `url` in a thread of its own, event by event in order, until it is closed.

    `num_ready` says how many events may be sent by now; `notify` that it says more.
    Servers of MLgym acknowledge with nothing, those of this project with the event's place. Each event keeps its stamp
    `x`, by which the latter know one that they have already.
    """

    def __init__(self, staging: RunFolder, url: str, position: int, num_ready: Callable[[], int]) -> None:
        self.url = url
        self._staging = staging
        self._num_ready = num_ready
        self._changed = threading.Condition()
        self._position = position
        self._sent: dict[int, float] = {}
        self._acknowledged: set[int] = set()
        self._broken: str | None = None
        self._closed = False
        self._hurried = False
        self._thread = threading.Thread(target=self._run, name=f"delivery to {url}", daemon=True)
        self._thread.start()

    @property
    def position(self) -> int:
        """How many events, from the first on, the server has acknowledged."""
        return self._position

    def notify(self) -> None:
        """Says that more events may be sent."""
        with self._changed:
            self._changed.notify_all()

    def hurry(self) -> None:
        """Tries again at once where it waits before the next try."""
        with self._changed:
            self._hurried = True
            self._changed.notify_all()

    def wait_for(self, position: int, deadline: float) -> bool:
        """Whether `position` events are acknowledged before `deadline` on the monotonic clock."""
        with self._changed:
            return self._changed.wait_for(lambda: self._position >= position, max(0.0, deadline - time.monotonic()))

    def close(self, patience_s: float) -> None:
        """Ends the thread and its connection; waits at most `patience_s` for one that hangs."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(patience_s)

    def _run(self) -> None:
        backoff, told = Backoff(), ""
        while not self._closed:
            before = self._position
            try:
                self._connect_and_send()
            except Exception as error:
                # The boundary to another process, whose answers may be anything: whatever it is, it is tried again.
                reason = str(error) or type(error).__name__
                if reason != told:  # a server that is away for hours is one line, not thousands
                    _LOG.warning("%s: %s; %d events acknowledged, trying again", self.url, reason, self._position)
                told = reason
            if self._position > before:
                backoff.reset()
                told = ""
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._hurried, backoff.pause())
                self._hurried = False

    def _connect_and_send(self) -> None:
        with self._changed:
            self._sent.clear()
            self._acknowledged.clear()
            self._broken = None
        client = socketio.Client(reconnection=False, handle_sigint=False)
        client.on("disconnect", self._note_disconnect)
        try:
            client.connect(self.url, transports=["websocket"], wait_timeout=5)
            self._send_from(client, self._position)
        finally:
            _hang_up(client)

    def _send_from(self, client: socketio.Client, position: int) -> None:
        reader = LogReader(self._staging)
        while not self._closed:
            event_id = reader.next_event_id
            for line in reader.poll(_CHUNK_BYTES) or self._pause():
                if event_id >= position:
                    if not self._wait_to_send(event_id):
                        return
                    client.emit("mlgym_event", msgspec.json.decode(line), callback=self._acknowledge(event_id))
                event_id += 1

    def _pause(self) -> tuple[()]:
        """Waits for more to send, or to be acknowledged."""
        with self._changed:
            self._changed.wait(0.1)
            self._check()
        return ()

    def _wait_to_send(self, event_id: int) -> bool:
        """Whether the event is to be sent now, after it was ready and fewer than a window were on their way."""
        with self._changed:
            self._check()
            while not self._closed and (event_id >= self._num_ready() or len(self._sent) >= WINDOW):
                self._changed.wait(1.0)
                self._check()
            self._sent[event_id] = time.monotonic()
            return not self._closed

    def _check(self) -> None:
        if self._broken:
            raise _BrokenError(self._broken)
        oldest = next(iter(self._sent.values()), None)
        if oldest is not None and time.monotonic() - oldest > ACKNOWLEDGEMENT_S:
            raise _BrokenError(f"no acknowledgement within {ACKNOWLEDGEMENT_S:.0f} s")

    def _note_disconnect(self, *reason: object) -> None:
        with self._changed:
            self._broken = self._broken or f"disconnected ({', '.join(map(str, reason))})"
            self._changed.notify_all()

    def _acknowledge(self, event_id: int) -> Callable[..., None]:
        def acknowledge(answer: Any = None) -> None:
            with self._changed:
                refusal = answer.get("error") if isinstance(answer, dict) else None
                if refusal:
                    self._refuse(event_id, refusal)
                elif self._sent.pop(event_id, None) is not None:
                    self._acknowledged.add(event_id)
                    while self._position in self._acknowledged:
                        self._acknowledged.remove(self._position)
                        self._position += 1
                self._changed.notify_all()

        return acknowledge

    def _refuse(self, event_id: int, refusal: Any) -> None:
        self._broken = self._broken or f"event {event_id} was refused: {refusal}"
        if isinstance(refusal, dict) and refusal.get("code") == codes.GAP:
            self._position = 0  # the server lost what it had acknowledged: it knows by the stamps what it still has


def _hang_up(client: socketio.Client) -> None:
    # A parting in form waits for seconds: two threads of the library wait for the same answer.
    if client.eio.ws:
        client.eio.ws.abort()
    client.disconnect()
    if client.eio.ws:
        client.eio.ws.shutdown()
