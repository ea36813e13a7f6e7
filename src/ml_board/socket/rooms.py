"""The runs that connections have to do with: of each run one inlet, one tail, one watch, for as long as it is needed.

Owns what connections share. Knows neither the words on the wire nor who may say them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from weakref import WeakValueDictionary

from ml_board.runs.views import RunView, RunViews
from ml_board.socket.clients import Clients
from ml_board.socket.feeds import Feed
from ml_board.socket.inlet import Inlet
from ml_board.socket.tail import Tail
from ml_board.socket.watches import Watch
from ml_board.telemetry import Telemetry
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.log import LogWriter

PUBLISHER_ROOMS = frozenset({"mlgym_event_publishers", "mlgym_streamed_logger"})
"""Rooms that MLgym's publisher joins; they are no runs."""
MAX_WAITING_BYTES = 64 * 2**20


class Rooms:
    """What the connections of one server share."""

    def __init__(
        self,
        views: RunViews,
        clients: Clients,
        telemetry: Telemetry,
        open_log: Callable[[RunFolder], LogWriter] = LogWriter,
    ) -> None:
        self.views = views
        self.clients = clients
        self.telemetry = telemetry
        self.feeds: set[Feed] = set()
        self._inlets: WeakValueDictionary[str, Inlet] = WeakValueDictionary()
        self._tails: WeakValueDictionary[str, Tail] = WeakValueDictionary()
        self._watches: WeakValueDictionary[str, Watch] = WeakValueDictionary()
        self._open_log = open_log
        self._waiting_bytes = 0
        telemetry.lag.set_function(lambda: max((feed.lag for feed in list(self.feeds)), default=0))

    async def close(self) -> None:
        """Stores all that publishers sent, and gives their logs up."""
        for inlet in list(self._inlets.values()):
            await inlet.close()

    @property
    def is_full(self) -> bool:
        """Whether as much waits to be stored as may: nothing should be read from publishers."""
        return self._waiting_bytes > MAX_WAITING_BYTES

    @contextmanager
    def waiting(self, size_bytes: int) -> Iterator[None]:
        """Counts so many bytes as waiting, for the time of a block."""
        self._waiting_bytes += size_bytes
        try:
            yield
        finally:
            self._waiting_bytes -= size_bytes

    def inlet(self, run: RunFolder) -> Inlet:
        """The way into the run's log."""
        inlet = self._inlets.get(run.run_id)
        if inlet is None:
            tail = self.tail(run)
            inlet = self._inlets[run.run_id] = Inlet(
                run, self.views.committed, tail.tell, self.telemetry, self._open_log
            )
        return inlet

    def tail(self, run: RunFolder) -> Tail:
        """The pulse of the run."""
        tail = self._tails.get(run.run_id)
        if tail is None:
            tail = self._tails[run.run_id] = Tail(run)
        return tail

    def watch(self, view: RunView) -> Watch:
        """The deltas of the run."""
        watch = self._watches.get(view.folder.run_id)
        if watch is None:
            watch = self._watches[view.folder.run_id] = Watch(view, self.clients, self.tail(view.folder))
        return watch
