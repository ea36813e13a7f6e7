"""The Socket.IO server: version 1 of MLgym's protocol, and the board's own `watch`.

Owns the events on the wire, who is connected, and what each connection began. Events are stored by inlets, sent raw by
feeds and folded by watches; none of these knows Socket.IO.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

import engineio.payload  # type: ignore[import-untyped]
import socketio

from ml_board.auth import Auth, AuthError
from ml_board.runs import RunView, RunViews
from ml_board.settings import Settings
from ml_board.socket.clients import Clients, as_json
from ml_board.socket.feeds import Feed
from ml_board.socket.inlet import Inlet, Outcome
from ml_board.socket.packets import MAX_MESSAGE_BYTES, MAX_PACKETS_PER_POST, TextPacket
from ml_board.socket.tail import Tail
from ml_board.socket.watches import Watch
from ml_board.telemetry import Telemetry
from mlgym_core.errors import MLGymError, StoreError
from mlgym_core.events import codes
from mlgym_core.events.codec import encode_foreign
from mlgym_core.events.folder import RunFolder

_LOG = logging.getLogger(__name__)
PUBLISHER_ROOMS = frozenset({"mlgym_event_publishers", "mlgym_streamed_logger"})
"""Rooms that MLgym's publisher joins; they are no runs."""
MAX_ROOMS = 64
MAX_STORING = 20_000
_LOOK_AGAIN_S = 0.01
_HANG_UP_S = 1.0


@dataclass(slots=True)
class Connection:
    """What one client began, to be ended with it."""

    feeds: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    watches: dict[str, Watch] = field(default_factory=dict)
    inlets: dict[str, Inlet] = field(default_factory=dict)


class EventServer:
    """The server behind `socket`; `close` it before its event loop ends."""

    def __init__(self, settings: Settings, views: RunViews, auth: Auth, telemetry: Telemetry) -> None:
        self._settings = settings
        self._auth = auth
        self._telemetry = telemetry
        self._views = views
        self.socket = socketio.AsyncServer(
            async_mode="asgi",
            logger=_LOG,
            engineio_logger=_LOG,
            serializer=TextPacket,
            cors_allowed_origins=self._allows,
            max_http_buffer_size=MAX_MESSAGE_BYTES,
        )
        engineio.payload.Payload.max_decode_packets = MAX_PACKETS_PER_POST
        self._clients = Clients(self.socket)
        self._connections: dict[str, Connection] = {}
        # Of each run one, for as long as a connection has to do with it.
        self._inlets: WeakValueDictionary[str, Inlet] = WeakValueDictionary()
        self._tails: WeakValueDictionary[str, Tail] = WeakValueDictionary()
        self._watches: WeakValueDictionary[str, Watch] = WeakValueDictionary()
        self._num_storing = 0
        for handler in (
            self.connect, self.disconnect, self.join, self.leave, self.ping, self.mlgym_event, self.watch, self.unwatch,
        ):  # fmt: skip
            self.socket.on(handler.__name__, handler)
        self._receive = self.socket.eio.handlers["message"]
        self.socket.eio.on("message", self._receive_in_turn)

    async def close(self) -> None:
        """Hangs up, so that clients come back when the server does; all that publishers sent is stored."""
        if self.socket.eio.sockets:
            with suppress(TimeoutError):  # a client that takes nothing does not hold up the end
                await asyncio.wait_for(self.socket.eio.disconnect(), _HANG_UP_S)
        for inlet in list(self._inlets.values()):
            await inlet.close()
        await self.socket.shutdown()

    async def connect(self, connection: str, environ: dict[str, Any], auth: object = None) -> None:
        """A client is there. One without a token is refused, where a token is set."""
        try:
            self._auth.admit(environ, auth)
        except AuthError as error:
            self._telemetry.refusals.labels(error.code).inc()
            raise socketio.exceptions.ConnectionRefusedError(str(error)) from error
        self._connections[connection] = Connection()

    async def disconnect(self, connection: str, _reason: object = None) -> None:
        """A client is gone: what it began ends, and a log that nobody else publishes to is given up."""
        known = self._connections.pop(connection, None)
        if known is None:
            return
        for feed in known.feeds.values():
            feed.cancel()
        for watch in known.watches.values():
            watch.remove(connection)
        for inlet in known.inlets.values():
            inlet.leave(connection)

    async def join(self, connection: str, data: Any = None) -> dict[str, Any]:
        """Sends the history of each room, and from then on its events."""
        rooms = data.get("rooms") if isinstance(data, dict) else None
        if not isinstance(rooms, list) or len(rooms) > MAX_ROOMS:
            return await self._refuse(connection, _malformed("join takes {rooms: [run id, …]}", f"at most {MAX_ROOMS}"))
        version = 2 if data.get("v") == 2 else 1
        try:
            runs = [self._views.storage.run(room) for room in rooms]
        except StoreError as error:
            return await self._refuse(connection, error)
        client = str(data.get("client_id", "<unknown>"))[:100]
        await self._clients.emit(connection, "server_log_message", f"Client {client} joined rooms: {rooms}")
        for run in runs:
            if run.run_id not in PUBLISHER_ROOMS:
                self._feed(connection, run, version)
        return {"rooms": rooms}

    async def leave(self, connection: str, _data: Any = None) -> None:
        """Takes the client out of its rooms and disconnects it."""
        await self._clients.emit(connection, "server_log_message", "You are now disconnected.")
        await self.socket.disconnect(connection)

    async def ping(self, connection: str, _data: Any = None) -> None:
        """Answers `pong`."""
        await self._clients.emit(connection, "pong", None)

    async def mlgym_event(self, connection: str, event: Any = None) -> dict[str, Any]:
        """Stores an event in the log of its run; acknowledged once it is safe there, before it goes to its room."""
        try:
            run_id, line = encode_foreign(event)
            if run_id in PUBLISHER_ROOMS:
                raise _malformed(f"{run_id} is the room of publishers and no run")
        except StoreError as error:
            return await self._refuse(connection, error)
        # Nothing was awaited so far: handlers begin in the order of their events, and so events are stored in it.
        stored = self._submit(connection, run_id, line, _stamp(event))
        self._num_storing += 1
        try:
            outcome = await stored
        finally:
            self._num_storing -= 1
        return await self._refuse(connection, outcome) if isinstance(outcome, StoreError) else {"event_id": outcome}

    async def watch(self, connection: str, data: Any = None) -> Any:
        """Answers with the whole run; deltas follow."""
        try:
            view = self._views.open(data.get("run_id") if isinstance(data, dict) else "")
            watch = self._watch(view)
            snapshot = await watch.add(connection)
        except StoreError as error:
            return _as_refusal(error)
        if connection in self._connections:
            self._connections[connection].watches[view.folder.run_id] = watch
        else:  # it went away meanwhile
            watch.remove(connection)
        return as_json(snapshot)

    async def unwatch(self, connection: str, data: Any = None) -> None:
        """Ends the deltas of a run."""
        run_id = data.get("run_id") if isinstance(data, dict) else None
        known = self._connections.get(connection, Connection())
        watch = known.watches.pop(str(run_id), None)
        if watch:
            watch.remove(connection)

    async def _receive_in_turn(self, engine_id: str, data: Any) -> None:
        # Whoever sends faster than the disk stores is not read from: its own socket fills up, not this memory.
        while self._num_storing > MAX_STORING:
            await asyncio.sleep(_LOOK_AGAIN_S)
        await self._receive(engine_id, data)

    def _submit(
        self, connection: str, run_id: str, line: bytes, stamp: tuple[str, int] | None
    ) -> asyncio.Future[Outcome]:
        inlet = self._inlets.get(run_id)
        if inlet is None:
            tail = self._tail(run_id)
            inlet = self._inlets[run_id] = Inlet(self._views.storage.run(run_id), self._views.committed, tail.tell)
        stored = inlet.submit(connection, line, stamp)
        if connection in self._connections:
            self._connections[connection].inlets[run_id] = inlet
        else:  # its last words
            inlet.leave(connection)
        return stored

    def _feed(self, connection: str, run: RunFolder, version: int) -> None:
        if connection not in self._connections:
            return
        feeds = self._connections[connection].feeds
        if run.run_id in feeds:
            feeds[run.run_id].cancel()
        feed = Feed(connection, run, self._clients, self._tail(run.run_id), self._views.committed, version)
        feeds[run.run_id] = asyncio.create_task(feed.send())

    def _watch(self, view: RunView) -> Watch:
        run_id = view.folder.run_id
        watch = self._watches.get(run_id)
        if watch is None:
            watch = self._watches[run_id] = Watch(view, self._clients, self._tail(run_id))
        return watch

    def _tail(self, run_id: str) -> Tail:
        tail = self._tails.get(run_id)
        if tail is None:
            tail = self._tails[run_id] = Tail(self._views.storage.run(run_id))
        return tail

    async def _refuse(self, connection: str, error: MLGymError) -> dict[str, Any]:
        await self._clients.emit(connection, "server_log_message", str(error))
        return _as_refusal(error)

    def _allows(self, origin: str | None, environ: dict[str, Any]) -> bool:
        own = f"{environ['wsgi.url_scheme']}://{environ.get('HTTP_HOST', '')}"
        return origin is None or self._settings.allows(origin, own)


def _stamp(event: dict[str, Any]) -> tuple[str, int] | None:
    """The producer and number that a carrier left on an event, so that one sent twice is known."""
    stamp = event.get("x")
    if not isinstance(stamp, dict):
        return None
    producer, seq = stamp.get("producer"), stamp.get("seq")
    if not isinstance(producer, str) or not isinstance(seq, int) or seq < 1 or producer.startswith("v1-"):
        return None
    return producer, seq


def _malformed(message: str, hint: str | None = None) -> StoreError:
    return StoreError(message, code=codes.NOT_AN_EVENT, hint=hint)


def _as_refusal(error: MLGymError) -> dict[str, Any]:
    return {"error": {"code": error.code, "message": error.message, "hint": error.hint}}
