"""What one connection is sent: the raw events of the rooms that it joined, and the deltas of the runs it watches.

Owns what a connection subscribed to, to end it with the connection. Knows no Socket.IO.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from ml_board.runs.views import RunView
from ml_board.socket.clients import as_json
from ml_board.socket.feeds import Feed, Form, Singles, Slices
from ml_board.socket.rooms import PUBLISHER_ROOMS, Rooms
from ml_board.socket.watches import Watch
from mlgym_core.errors import StoreError
from mlgym_core.events import codes
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.log_reader import LogReader, reader_at
from mlgym_core.events.names import check_number

MAX_ROOMS = 64


class Subscribing:
    """The subscribing side of one connection; `is_page` says whether it is of a web page."""

    def __init__(self, connection: str, rooms: Rooms, *, is_page: bool) -> None:
        self._connection = connection
        self._is_page = is_page
        self._rooms = rooms
        self._feeds: dict[str, asyncio.Task[None]] = {}
        self._watches: dict[str, Watch] = {}
        self._has_ended = False

    def end(self) -> None:
        """Sends no more."""
        self._has_ended = True
        for feed in self._feeds.values():
            feed.cancel()
        for watch in self._watches.values():
            watch.remove(self._connection)
        self._rooms.telemetry.subscribers.dec(len(self._feeds) + len(self._watches))

    async def join(self, data: object) -> dict[str, Any]:
        """Sends what each room has from an offset on, and from then on what comes. Raises StoreError."""
        request = data if isinstance(data, dict) else {}
        rooms = request.get("rooms")
        if not isinstance(rooms, list) or len(rooms) > MAX_ROOMS:
            raise _malformed("join takes {rooms: [run id, …]}", f"at most {MAX_ROOMS}")
        runs = [self._rooms.views.storage.run(room) for room in rooms]
        runs = [run for run in runs if run.run_id not in PUBLISHER_ROOMS]
        if len(self._feeds.keys() | {run.run_id for run in runs}) > MAX_ROOMS:
            raise _malformed("too many rooms are joined already", f"at most {MAX_ROOMS} a connection")
        client = str(request.get("client_id", "<unknown>"))[:100]
        if request.get("v") == 2:
            offsets = _read_offsets(request.get("from_offset", 0), runs)
            readers = [await asyncio.to_thread(reader_at, run, offset) for run, offset in offsets.items()]
            forms: list[Form] = [Slices(self._connection, reader.run.run_id, self._rooms.clients) for reader in readers]
        else:
            readers = [LogReader(run) for run in runs]
            forms = [Singles(self._connection, self._rooms.clients, batches_history=not self._is_page) for _ in readers]
        await self._rooms.clients.emit(self._connection, "server_log_message", f"Client {client} joined rooms: {rooms}")
        for reader, form in zip(readers, forms, strict=True):
            self._feed(reader, form)
        return {"rooms": rooms}

    async def watch(self, data: object) -> Any:
        """The whole run; deltas follow. Raises StoreError."""
        view = self._rooms.views.open(data.get("run_id") if isinstance(data, dict) else "")
        watch = self._rooms.watch(view)
        self._check_room_to_watch(view)
        snapshot = await watch.add(self._connection)
        if self._has_ended:
            watch.remove(self._connection)
        elif view.folder.run_id not in self._watches:
            self._watches[view.folder.run_id] = watch
            self._rooms.telemetry.subscribers.inc()
        return as_json(snapshot)

    def unwatch(self, data: object) -> None:
        """Ends the deltas of a run."""
        run_id = data.get("run_id") if isinstance(data, dict) else None
        watch = self._watches.pop(run_id, None) if isinstance(run_id, str) else None
        if watch:
            watch.remove(self._connection)
            self._rooms.telemetry.subscribers.dec()

    def _check_room_to_watch(self, view: RunView) -> None:
        if view.folder.run_id not in self._watches and len(self._watches) >= MAX_ROOMS:
            raise _malformed("too many runs are watched already", f"at most {MAX_ROOMS} a connection")

    def _feed(self, reader: LogReader, form: Form) -> None:
        if self._has_ended:
            return
        before = self._feeds.get(reader.run.run_id)
        if before:
            before.cancel()
        else:
            self._rooms.telemetry.subscribers.inc()
        feed = Feed(
            self._connection,
            reader,
            form,
            self._rooms.clients,
            self._rooms.tail(reader.run),
            self._rooms.views.committed,
        )
        self._rooms.feeds.add(feed)
        task = self._feeds[reader.run.run_id] = asyncio.create_task(feed.send())
        task.add_done_callback(lambda _: self._rooms.feeds.discard(feed))


def _read_offsets(given: object, runs: list[RunFolder]) -> dict[RunFolder, int]:
    if isinstance(given, Mapping):
        return {run: check_number(given.get(run.run_id, 0), "offset") for run in runs}
    return dict.fromkeys(runs, check_number(given, "offset"))


def _malformed(message: str, hint: str) -> StoreError:
    return StoreError(message, code=codes.NOT_AN_EVENT, hint=hint)
