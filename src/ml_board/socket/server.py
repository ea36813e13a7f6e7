"""The Socket.IO server: MLgym's protocol, version 2 of it, and the board's own `watch`.

Owns the names of events on the wire, the right that each needs, who is connected, and the bounds of a connection. What
is published goes to `publishing`, what is sent comes from `subscribing`; neither knows Socket.IO.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from functools import partial
from typing import Any

import engineio.payload
import socketio

from ml_board.access.auth import Auth, AuthError, Right
from ml_board.runs.views import RunViews
from ml_board.settings import Settings
from ml_board.socket.clients import Clients
from ml_board.socket.connection import Connection
from ml_board.socket.jobs import refusal
from ml_board.socket.packets import MAX_MESSAGE_BYTES, MAX_PACKETS_PER_POST, WirePacket
from ml_board.socket.publishing import Publishing
from ml_board.socket.rooms import Rooms
from ml_board.socket.subscribing import Subscribing
from ml_board.telemetry import Telemetry
from mlgym_core.errors import MLGymError
from mlgym_core.events.durability import SYNCS
from mlgym_core.events.log import LogWriter

_LOG = logging.getLogger(__name__)
_WIRE_LOG = logging.getLogger(f"{__name__}.wire")
MAX_CONNECTIONS = 512
MAX_INTRODUCTION_BYTES = 2**16
"""What a client may send before it was let in."""
_INTRODUCTION_S = 10.0
_LOOK_AGAIN_S = 0.01
_RIGHTS: Mapping[str, Right | None] = {
    "join": "read",
    "watch": "read",
    "unwatch": None,
    "mlgym_event": "write",
    "hello": "write",
    "batch": "write",
    "ping": None,
    "leave": None,
}
_OF_VERSION_2 = frozenset({"hello", "batch"})


class EventServer:
    """The server behind `socket`; `close` it before its event loop ends."""

    def __init__(self, settings: Settings, views: RunViews, auth: Auth, telemetry: Telemetry) -> None:
        _WIRE_LOG.setLevel(logging.WARNING)  # below it, each packet is told with what is in it: tokens too
        self._settings = settings
        self._auth = auth
        self._telemetry = telemetry
        self.socket = socketio.AsyncServer(
            async_mode="asgi",
            logger=_LOG,
            engineio_logger=_WIRE_LOG,
            serializer=WirePacket,
            cors_allowed_origins=self._allows,
            max_http_buffer_size=MAX_MESSAGE_BYTES,
        )
        # Whoever comes back to a server that was started again, or that ends just now, is told so by its answer.
        self.socket.eio.log_message_keys.add("bad-sid")
        engineio.payload.Payload.max_decode_packets = MAX_PACKETS_PER_POST
        self._clients = Clients(self.socket)
        self._rooms = Rooms(views, self._clients, telemetry, partial(LogWriter, sync=SYNCS[settings.durability]))
        self._connections: dict[str, Connection] = {}
        self.socket.on("connect", self._connect)
        self.socket.on("disconnect", self._disconnect)
        self.socket.on("*", self._answer)
        self._receive = self.socket.eio.handlers["message"]
        self._open = self.socket.eio.handlers["connect"]
        self.socket.eio.on("message", self._receive_in_turn)
        self.socket.eio.on("connect", self._open_transport)

    async def close(self) -> None:
        """Hangs up, so that clients come back when the server does; all that publishers sent is stored."""
        for engine_id in list(self.socket.eio.sockets):
            await self._clients.hang_up(engine_id)
        await self._rooms.close()
        await self.socket.shutdown()

    async def _connect(self, connection: str, environ: dict[str, Any], auth: object = None) -> None:
        try:
            self._connections[connection] = Connection(
                admit=lambda: self._auth.admit(environ, auth),
                publishing=Publishing(connection, self._rooms),
                subscribing=Subscribing(connection, self._rooms, is_page=_is_page(environ)),
            )
        except AuthError as error:
            self._telemetry.refusals.labels(error.code).inc()
            raise socketio.exceptions.ConnectionRefusedError(str(error)) from error

    async def _disconnect(self, connection: str, _reason: object = None) -> None:
        known = self._connections.pop(connection, None)
        if known:
            known.end()

    async def _answer(self, event: str, connection: str, *arguments: Any) -> Any:
        known = self._connections.get(connection)
        if known is None or event not in _RIGHTS:
            return self.socket.not_handled  # who asks for the unknown is not told that it was done
        try:
            known.check(_RIGHTS[event])
            return await self._handle(event, connection, known, arguments[0] if arguments else None)
        except MLGymError as error:
            self._telemetry.refusals.labels(error.code).inc()
            if event in _OF_VERSION_2:
                return refusal(error)
            await self._clients.emit(connection, "server_log_message", str(error))
            return {"error": {"code": error.code, "message": error.message, "hint": error.hint}}

    async def _handle(self, event: str, connection: str, known: Connection, data: Any) -> Any:
        match event:
            case "batch":
                return await known.publishing.batch(data)
            case "mlgym_event":
                return await known.publishing.store(data)
            case "hello":
                return await known.publishing.hello(data)
            case "join":
                return await known.subscribing.join(data)
            case "watch":
                return await known.subscribing.watch(data)
            case "unwatch":
                known.subscribing.unwatch(data)
            case "ping":
                await self._clients.emit(connection, "pong", None)
            case "leave":
                await self._clients.emit(connection, "server_log_message", "You are now disconnected.")
                await self.socket.disconnect(connection)
        return None

    async def _open_transport(self, engine_id: str, environ: dict[str, Any]) -> bool | None:
        if len(self.socket.eio.sockets) > MAX_CONNECTIONS:
            _LOG.warning("a client was sent away: %d are connected", MAX_CONNECTIONS)
            return False
        await self._open(engine_id, environ)
        asyncio.get_running_loop().call_later(_INTRODUCTION_S, self._hang_up_on_stranger, engine_id)
        return None

    def _hang_up_on_stranger(self, engine_id: str) -> None:
        if engine_id in self.socket.eio.sockets and not self._clients.is_known(engine_id):
            self.socket.start_background_task(self._clients.hang_up, engine_id)

    async def _receive_in_turn(self, engine_id: str, data: Any) -> None:
        # Whoever sends faster than the disk stores, or takes no answers, is not read from: its own socket fills up,
        # not this memory.
        while self._rooms.is_full or not self._clients.is_heard(engine_id):
            await asyncio.sleep(_LOOK_AGAIN_S)
        try:
            if not isinstance(data, str | bytes) or not data:
                raise ValueError("a message that is no packet")
            if len(data) > MAX_INTRODUCTION_BYTES and not self._clients.is_known(engine_id):
                raise ValueError("a long message of a client that was not let in")
            await self._receive(engine_id, data)
        except ValueError as error:
            _LOG.info("a client is hung up on: %s", error)
            self._telemetry.refusals.labels("packet").inc()
            await self._clients.hang_up(engine_id)

    def _allows(self, origin: str | None, environ: dict[str, Any]) -> bool:
        own = f"{environ['wsgi.url_scheme']}://{environ.get('HTTP_HOST', '')}"
        return origin is None or self._settings.allows(origin, own)


def _is_page(environ: Mapping[str, Any]) -> bool:
    """Whether a browser asks: all of them, and no library, begin their name so."""
    return str(environ.get("HTTP_USER_AGENT", "")).startswith("Mozilla/")
