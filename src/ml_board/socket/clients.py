"""What the server sends to its clients, and how far one of them may lag.

Owns the only place that looks into a client's queue. Knows no run.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import orjson
import socketio

_LOOK_AGAIN_S = 0.02


class Clients:
    """The clients of `socket`, each known by the id of its connection."""

    def __init__(self, socket: socketio.AsyncServer) -> None:
        self._socket = socket

    async def emit(self, connection: str, event: str, data: Any) -> None:
        """Sends one message to one client."""
        await self._socket.emit(event, data, to=connection)

    def num_queued(self, connection: str) -> int:
        """How many messages wait in memory for the client to take them."""
        engine_id = self._socket.manager.eio_sid_from_sid(connection, "/")
        engine = self._socket.eio.sockets.get(engine_id)
        return engine.queue.qsize() if engine else 0

    async def until_queue_below(self, connection: str, limit: int) -> None:
        """Returns once fewer than `limit` messages wait for the client."""
        while self.num_queued(connection) >= limit:
            await asyncio.sleep(_LOOK_AGAIN_S)


def as_json(value: Any) -> orjson.Fragment:
    """`value`, which may hold structs, ready to be sent; numbers that are not finite become null."""
    return orjson.Fragment(msgspec.json.encode(value))
