"""Raw events for clients: a run's history, and from then on what comes.

Owns one client's place in one log, and the two forms of the protocol in which events go out. Nothing is queued here
for a client that is slow: it reads on in the file later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import orjson

from ml_board.socket.clients import Clients
from ml_board.socket.tail import Tail
from mlgym_core.errors import StoreError
from mlgym_core.events.codec import read_head, standard
from mlgym_core.events.log_reader import LogReader, LogSlice
from mlgym_core.events.types import VERSION_1_TYPES

_HISTORY_BYTES = 2**20
_LIVE_BYTES = 2**16


class Form(Protocol):
    """How slices of a log go to one client."""

    live_bytes: int

    async def send(self, part: LogSlice, is_history: bool) -> None:
        """Sends one slice; returns once the next one may be read."""
        ...


class Feed:
    """The events of one run for one client, from where `reader` stands.

    `committed` says of the runs that this process writes how many of their lines are facts.
    """

    def __init__(
        self, connection: str, reader: LogReader, form: Form, clients: Clients, tail: Tail, committed: Mapping[str, int]
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._form = form
        self._clients = clients
        self._tail = tail
        self._committed = committed

    @property
    def lag(self) -> int:
        """How many events of a log that this process writes have not been sent yet."""
        return max(0, self._committed.get(self._reader.run.run_id, 0) - self._reader.next_event_id)

    async def send(self) -> None:
        """Sends all that the log has as history, then what comes, until it is cancelled."""
        is_history = True
        while True:
            beat = self._tail.beat
            before = self._committed.get(self._reader.run.run_id)
            max_bytes = _HISTORY_BYTES if is_history else self._form.live_bytes
            try:
                part = await asyncio.to_thread(self._reader.poll_slice, max_bytes, before)
            except StoreError as error:
                await self._clients.emit(self._connection, "server_log_message", f"{error}; join again to read it anew")
                return
            if part.num_lines:
                await self._form.send(part, is_history)
            else:
                is_history = False
                await self._tail.wait(beat)


class Singles:
    """The form of MLgym's protocol: history in batches, then each event alone, of the types of version 1.

    The board in MLgym's wheel does not know batches: with `batches_history` off it is told of history event by event.
    """

    live_bytes = _LIVE_BYTES

    def __init__(self, connection: str, clients: Clients, *, batches_history: bool) -> None:
        self._connection = connection
        self._batches_history = batches_history
        self._clients = clients

    async def send(self, part: LogSlice, is_history: bool) -> None:
        """Sends a slice once its client has room for it."""
        if is_history and self._batches_history:
            messages = [message for _, message in _messages(part)]
            if messages:
                batch = {"event_id": "batched_events", "data": messages}
                await self._clients.until_room(self._connection, len(part.data))
                await self._clients.emit(self._connection, "mlgym_event", batch)
            return
        for size_bytes, message in _messages(part):
            await self._clients.until_room(self._connection, size_bytes)
            await self._clients.emit(self._connection, "mlgym_event", message)


class Slices:
    """The form of version 2: lines as they stand in the file, of all types; one slice at a time is on its way."""

    live_bytes = _HISTORY_BYTES

    def __init__(self, connection: str, room: str, clients: Clients) -> None:
        self._connection = connection
        self._room = room
        self._clients = clients
        self._received: asyncio.Future[None] | None = None

    async def send(self, part: LogSlice, is_history: bool) -> None:
        """Sends a slice once its client has acknowledged the one before, which was on its way while this was read."""
        if self._received:
            await self._received
        await self._clients.until_room(self._connection, len(part.data))
        message = {"room": self._room, "from": part.first_event_id, "lines": part.data}
        self._received = await self._clients.deliver(self._connection, "history" if is_history else "live", message)


def _messages(part: LogSlice) -> Iterator[tuple[int, dict[str, Any]]]:
    for event_id, line in enumerate(part.data.split(b"\n")[:-1], part.first_event_id):
        try:
            json_line = standard(line)
            event_type, _ = read_head(json_line)
        except StoreError:  # a line that is no JSON would spoil the whole message
            continue
        if event_type in VERSION_1_TYPES:
            yield len(json_line), {"event_id": event_id, "data": orjson.Fragment(json_line)}
