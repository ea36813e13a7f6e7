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
_LOOK_AGAIN_S = 0.02


class Clients:
    """The clients of `socket`, each known by the id of its connection."""

    def __init__(self, socket: socketio.AsyncServer) -> None:
        self._socket = socket

    async def emit(self, connection: str, event: str, data: Any) -> None:
        """Sends one message to one client."""
        await self._socket.emit(event, data, to=connection)

    def has_room(self, connection: str, size_bytes: int) -> bool:
        """Whether a message of this size may be sent: for one client few large or many small ones wait in memory."""
        return self._num_queued(connection) < max(2, min(_MAX_QUEUED, _MAX_QUEUED_BYTES // size_bytes))

    async def until_room(self, connection: str, size_bytes: int) -> None:
        """Returns once there is room for a message of this size."""
        while not self.has_room(connection, size_bytes):
            await asyncio.sleep(_LOOK_AGAIN_S)

    def _num_queued(self, connection: str) -> int:
        engine_id = self._socket.manager.eio_sid_from_sid(connection, "/")
        engine = self._socket.eio.sockets.get(engine_id)
        return engine.queue.qsize() if engine else 0


def as_json(value: Any) -> orjson.Fragment:
    """`value`, which may hold structs, ready to be sent; numbers that are not finite become null."""
    return orjson.Fragment(msgspec.json.encode(value))
