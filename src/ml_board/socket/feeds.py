"""Raw events for clients of MLgym's protocol: a run's history, and from then on what comes.

Owns one client's place in one log. Nothing is queued here for a client that is slow: it reads on in the file later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from ml_board.socket.clients import Clients
from ml_board.socket.tail import Tail
from mlgym_core.errors import StoreError
from mlgym_core.events.codec import read_head, standard
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.log import LogReader
from mlgym_core.events.types import VERSION_1_TYPES

_HISTORY_BYTES = 2**20
_LIVE_BYTES = 2**16


class Feed:
    """The events of one run for one client, who knows those of version 1 alone unless it said otherwise.

    `committed` says of the runs that this process writes how many of their lines are facts.
    """

    def __init__(
        self,
        connection: str,
        folder: RunFolder,
        clients: Clients,
        tail: Tail,
        committed: Mapping[str, int],
        version: int,
    ) -> None:
        self._connection = connection
        self._folder = folder
        self._clients = clients
        self._tail = tail
        self._committed = committed
        self._version = version

    async def send(self) -> None:
        """Sends all that the log has in batches, then each event as it comes, until it is cancelled."""
        reader = LogReader(self._folder)
        is_history = True
        while True:
            beat = self._tail.beat
            event_id = reader.next_event_id
            before = self._committed.get(self._folder.run_id)
            max_bytes = _HISTORY_BYTES if is_history else _LIVE_BYTES
            try:
                lines = await asyncio.to_thread(reader.poll, max_bytes, before)
            except StoreError as error:
                await self._clients.emit(self._connection, "server_log_message", f"{error}; join again to read it anew")
                return
            if lines:
                await (self._send_batch if is_history else self._send_each)(event_id, lines)
            else:
                is_history = False
                await self._tail.wait(beat)

    async def _send_batch(self, first_id: int, lines: list[bytes]) -> None:
        messages = [message for _, message in self._messages(first_id, lines)]
        if messages:
            await self._clients.until_room(self._connection, sum(map(len, lines)))
            await self._clients.emit(self._connection, "mlgym_event", {"event_id": "batched_events", "data": messages})

    async def _send_each(self, first_id: int, lines: list[bytes]) -> None:
        for size_bytes, message in self._messages(first_id, lines):
            await self._clients.until_room(self._connection, size_bytes)
            await self._clients.emit(self._connection, "mlgym_event", message)

    def _messages(self, first_id: int, lines: list[bytes]) -> Iterator[tuple[int, dict[str, Any]]]:
        for event_id, line in enumerate(lines, first_id):
            try:
                json_line = standard(line)
                event_type, _ = read_head(json_line)
            except StoreError:  # a line that is no JSON would spoil the whole message
                continue
            if self._version > 1 or event_type in VERSION_1_TYPES:
                yield len(json_line), {"event_id": event_id, "data": orjson.Fragment(json_line)}
