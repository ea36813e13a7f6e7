"""The board's view of a run, live: one fold for all who watch it, one delta for all of them.

Owns who watches a run, and how far they are. Knows neither files nor lines.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

import msgspec
import orjson

from ml_board.runs.views import RunView
from ml_board.socket.clients import Clients
from ml_board.socket.tail import Tail
from mlgym_core.errors import StoreError
from mlgym_core.events.lock import Liveness
from mlgym_core.events.projections.run_state import RunDelta, RunSnapshot

_LOG = logging.getLogger(__name__)
_PAUSE_S = 0.1
_LOOK_AFTER_SLOW_S = 1.0


class Watch:
    """Those who watch one run. A client that is slow misses deltas, sees that by their offsets, and begins anew."""

    def __init__(self, view: RunView, clients: Clients, tail: Tail) -> None:
        self._view = view
        self._clients = clients
        self._tail = tail
        self._watchers: set[str] = set()
        self._behind: set[str] = set()
        self._told: tuple[int, Liveness] | None = None
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def add(self, connection: str) -> RunSnapshot:
        """The whole run, on which the next delta that this client is sent follows. Raises StoreError."""
        async with self._turn:
            delta, snapshot = await asyncio.to_thread(self._view.begin_watch)
            if delta:
                await self._send(delta, self._watchers)
            self._told = snapshot.offset, snapshot.liveness
            self._watchers.add(connection)
            self._behind.discard(connection)
            if self._task is None:
                self._task = asyncio.create_task(self._follow())
            return snapshot

    def remove(self, connection: str) -> None:
        """Sends this client no more."""
        self._watchers.discard(connection)
        self._behind.discard(connection)
        if not self._watchers and self._task:
            self._task.cancel()
            self._task = None
            self._view.end_watch()

    async def _follow(self) -> None:
        while True:
            beat = self._tail.beat
            try:
                async with self._turn:
                    await self._send_news(await asyncio.to_thread(self._view.delta))
            except StoreError as error:
                _LOG.warning("%s", error)
                for connection in list(self._watchers):
                    await self._clients.emit(connection, "server_log_message", str(error))
            await asyncio.sleep(_PAUSE_S)
            try:
                await asyncio.wait_for(self._tail.wait(beat), _LOOK_AFTER_SLOW_S if self._behind else None)
            except TimeoutError:
                continue

    async def _send_news(self, delta: RunDelta) -> None:
        if (delta.from_offset, delta.liveness) != self._told or delta.offset != delta.from_offset:
            self._told = delta.offset, delta.liveness
            await self._send(delta, self._watchers)
        elif self._behind:
            await self._send(delta, self._behind)

    async def _send(self, delta: RunDelta, watchers: Iterable[str]) -> None:
        message = msgspec.json.encode(delta)
        for connection in list(watchers):
            if self._clients.has_room(connection, len(message)):
                self._behind.discard(connection)
                await self._clients.emit(connection, "delta", orjson.Fragment(message))
            else:
                self._behind.add(connection)
