"""What the server sends to its clients, and how far one of them may lag.

Owns the only place that looks into a client's queue. Knows no run.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import orjson
import socketio

_MAX_QUEUED = 64
_MAX_QUEUED_BYTES = 2**20
_MAX_UNREAD = 1_000
_LOOK_AGAIN_S = 0.02


class Clients:
    """The clients of `socket`, each known by the id of its connection."""

    def __init__(self, socket: socketio.AsyncServer) -> None:
        self._socket = socket

    async def emit(self, connection: str, event: str, data: Any) -> None:
        """Sends one message to one client."""
        await self._socket.emit(event, data, to=connection)

    async def deliver(self, connection: str, event: str, data: Any) -> asyncio.Future[None]:
        """Sends one message to one client; the result comes once the client says that it has it."""
        received: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def acknowledge(*_: object) -> None:
            if not received.done():
                received.set_result(None)

        await self._socket.emit(event, data, to=connection, callback=acknowledge)
        return received

    def has_room(self, connection: str, size_bytes: int) -> bool:
        """Whether a message of this size may be sent: for one client few large or many small ones wait in memory."""
        return self._num_queued(self._engine_id(connection)) < max(2, min(_MAX_QUEUED, _MAX_QUEUED_BYTES // size_bytes))

    async def until_room(self, connection: str, size_bytes: int) -> None:
        """Returns once there is room for a message of this size."""
        while not self.has_room(connection, size_bytes):
            await asyncio.sleep(_LOOK_AGAIN_S)

    def is_heard(self, engine_id: str) -> bool:
        """Whether a client, by the id of its transport, takes the answers to what it asks."""
        return self._num_queued(engine_id) < _MAX_UNREAD

    async def hang_up(self, engine_id: str) -> None:
        """Ends a client, by the id of its transport, whether it agrees or not."""
        engine = self._socket.eio.sockets.pop(engine_id, None)
        if engine:
            await engine.close(wait=False)
            await engine.queue.put(None)  # or the transport would wait for the client to close it

    def is_known(self, engine_id: str) -> bool:
        """Whether a client, by the id of its transport, was let in."""
        return self._socket.manager.sid_from_eio_sid(engine_id, "/") is not None

    def _engine_id(self, connection: str) -> str:
        return str(self._socket.manager.eio_sid_from_sid(connection, "/"))

    def _num_queued(self, engine_id: str) -> int:
        engine = self._socket.eio.sockets.get(engine_id)
        return engine.queue.qsize() if engine else 0


def as_json(value: Any) -> orjson.Fragment:
    """`value`, which may hold structs, ready to be sent; numbers that are not finite become null."""
    return orjson.Fragment(msgspec.json.encode(value))
