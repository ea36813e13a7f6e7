"""The runs of an event storage as this process sees them: each log folded once, for REST and the socket alike.

Owns the folds that are kept in memory, and how many. It knows no route and no client, and writes nothing.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from ml_board.runs.logs import LogPage, read_entries
from ml_board.runs.moments import Moments
from mlgym_core.errors import StoreError
from mlgym_core.events import codes
from mlgym_core.events.fencing import Fence
from mlgym_core.events.folder import EventStorage, RunFolder
from mlgym_core.events.lock import Liveness, liveness
from mlgym_core.events.log_reader import LogReader, reader_at
from mlgym_core.events.names import check_name
from mlgym_core.events.projections import views
from mlgym_core.events.projections.columns import LogSelection, Points, Selection
from mlgym_core.events.projections.model_card import ModelCard, model_card
from mlgym_core.events.projections.run_fold import RunFold
from mlgym_core.events.projections.run_state import ExperimentState, RunDelta, RunSnapshot, RunSummary
from mlgym_core.events.snapshots import FoldSnapshots, check_event
from mlgym_core.events.system_info import read_system_info

_LOG = logging.getLogger(__name__)
NUM_KEPT = 64
MAX_FOLDED_BYTES = 2 * 2**30
"""How much of logs may be held in folds, which take up about a fifteenth of that, before the oldest is let go."""
_PIECE_BYTES = 2**20


class ListedRun(RunSummary, kw_only=True):
    """A run in the list of runs."""

    liveness: Liveness


class ExperimentPage(ExperimentState, kw_only=True):
    """An experiment on its own page after `offset` events, with what its trainer recorded of the machine."""

    offset: int
    liveness: Liveness
    system_info: dict[str, Any] | None


class RunView:
    """One run, folded anew up to the end of its log at each question; any thread may ask.

    Raises, in each method that says nothing else:
        StoreError: the log is damaged, or cannot be read.

    `committed` maps the ids of runs that this process itself writes to their numbers of synced events: what stands in
    such a log beyond them is no fact yet.
    """

    def __init__(self, folder: RunFolder, committed: Mapping[str, int]) -> None:
        self.folder = folder
        self._committed = committed
        self._lock = threading.Lock()
        self._fence = Fence(folder)
        self._begin()

    def _begin(self) -> None:
        self._snapshots = FoldSnapshots(self.folder)
        self._fold = RunFold()
        self._reader: LogReader | None = None
        self._moments = Moments(self.folder)
        self._changes: views.DeltaCollector | None = None
        self._damage: StoreError | None = None

    @property
    def size_bytes(self) -> int:
        """How much of the log was folded so far."""
        return self._fold.size_bytes

    def snapshot(self, at: int | None = None) -> RunSnapshot:
        """The whole run, also as it was after the event `at`. Raises StoreError where there is no such event."""
        with self._opened(at) as (fold, alive):
            return self._snapshot(fold, alive)

    def summary(self) -> ListedRun:
        """The run in a list; of a damaged log, what was read of it."""
        with self._lock:
            try:
                self._refresh()
            except StoreError as error:
                _LOG.warning("%s", error)
            summary = msgspec.structs.asdict(views.summary(self._fold.state))
            return ListedRun(**{**summary, "run_id": self.folder.run_id}, liveness=liveness(self.folder))

    def experiment(self, experiment_id: int, at: int | None = None) -> ExperimentPage:
        """One experiment, also as it was after the event `at`. Raises StoreError where there is none."""
        with self._opened(at) as (fold, alive):
            state = views.detail(self._find(fold, experiment_id))
            offset = fold.state.num_events
        return ExperimentPage(
            **msgspec.structs.asdict(state),
            offset=offset,
            liveness=alive,
            system_info=read_system_info(self.folder, experiment_id),
        )

    def series(self, selection: Selection, at: int | None = None) -> tuple[int, list[tuple[int, str, Points]]]:
        """The number of events that were told of, and the scores asked for as (experiment_id, key, points).

        Raises StoreError where there is no event `at`.
        """
        with self._lock:
            offset = self._offset_at(at)
            return offset, self._fold.columns.select(replace(selection, before=offset))

    def system(self, since: int, at: int | None = None) -> tuple[int, list[tuple[str, Points]]]:
        """The number of events that were told of, and what was measured of the machine as (key, points).

        Raises StoreError where there is no event `at`.
        """
        with self._lock:
            offset = self._offset_at(at)
            columns = sorted(self._fold.columns.system.items())
            return offset, [(key, column.read(since, offset)) for key, column in columns]

    def log_lines(self, selection: LogSelection, at: int | None = None) -> LogPage:
        """Log lines, as they stand in the log. Raises StoreError where there is no event `at`."""
        with self._lock:
            offset = self._offset_at(at)
            before = offset if selection.before is None else min(offset, selection.before)
            found, is_more = self._fold.columns.select_lines(replace(selection, before=before))
        entries, is_cut = read_entries(self.folder, found, earliest=selection.earliest)
        return LogPage(offset=offset, entries=entries, more=is_more or is_cut)

    def lines(self, since: int) -> Iterator[bytes]:
        """The log from the event `since` on, as it stands, in pieces of whole lines.

        Raises StoreError where there are fewer events.
        """
        before = self._committed.get(self.folder.run_id)
        reader = reader_at(self.folder, since)
        return iter(lambda: reader.poll_slice(_PIECE_BYTES, before).data, b"")

    def configs(self) -> dict[int, dict[str, Any]]:
        """The configuration of each experiment that the log tells of."""
        with self._lock:
            self._refresh()
            return {key: each.config for key, each in self._fold.state.experiments.items()}

    def model_card(self, experiment_id: int, at: int | None = None) -> ModelCard:
        """What is known of an experiment's model, also after the event `at`. Raises StoreError where there is none."""
        with self._opened(at) as (fold, _):
            self._find(fold, experiment_id)
            return model_card(fold.state, experiment_id, read_system_info(self.folder, experiment_id))

    def check_live(self, producer: str) -> None:
        """Returns unless a newer attempt has replaced the one of `producer`; raises StoreError then (FENCED), too."""
        self._fence.check(producer, self._committed.get(self.folder.run_id))

    def begin_watch(self) -> tuple[RunDelta | None, RunSnapshot]:
        """The whole run, from which deltas follow on, and before it the delta that earlier watchers still need."""
        with self._lock:
            self._refresh()
            before = self._collect(self._changes) if self._changes else None
            self._changes = self._changes or views.DeltaCollector(self._fold)
            return before, self._snapshot(self._fold, liveness(self.folder))

    def end_watch(self) -> None:
        """Says that nobody asks for deltas any more."""
        with self._lock:
            self._changes = None

    def delta(self) -> RunDelta:
        """What changed since the last one, or since the watch began. One that nothing precedes has offset 0."""
        with self._lock:
            self._refresh()
            self._changes = self._changes or views.DeltaCollector(self._fold)
            return self._collect(self._changes)

    def _refresh(self) -> None:
        try:
            self._read_on()
        except StoreError as error:
            if error.code != codes.REWRITTEN:
                raise
            _LOG.warning("%s; it is read anew", error.message)
            self._begin()
            self._read_on()

    def _read_on(self) -> None:
        if self._damage:
            raise self._damage.with_traceback(None)  # or it would grow each time
        if self._reader is None:  # whoever makes a view need not wait for its files
            self._fold, self._reader = self._snapshots.open()
        before = self._committed.get(self.folder.run_id)
        for lines in self._snapshots.follow(self._fold, self._reader, before):
            try:
                (self._changes or self._fold).feed(lines)
            except StoreError as error:
                self._damage = error  # the reader is beyond it already
                raise

    def _offset_at(self, at: int | None) -> int:
        self._refresh()
        num_events = self._fold.state.num_events
        if at is None:
            return num_events
        check_event(self.folder, at, num_events)
        return at + 1

    @contextmanager
    def _opened(self, at: int | None) -> Iterator[tuple[RunFold, Liveness]]:
        with self._lock:
            offset = self._offset_at(at)
            if offset == self._fold.state.num_events:
                yield self._fold, liveness(self.folder)
                return
        with self._moments.opened(offset) as fold:
            yield fold, "alive"  # whoever wrote the next event was there to write it

    def _snapshot(self, fold: RunFold, alive: Liveness) -> RunSnapshot:
        snapshot = views.snapshot(fold, alive)
        snapshot.run.run_id = self.folder.run_id
        return snapshot

    def _collect(self, changes: views.DeltaCollector) -> RunDelta:
        delta = changes.collect(liveness(self.folder))
        delta.run_id = delta.run.run_id = self.folder.run_id
        return delta

    def _find(self, fold: RunFold, experiment_id: int) -> ExperimentState:
        try:
            return fold.state.experiments[experiment_id]
        except KeyError:
            raise StoreError(
                f"run {self.folder.run_id} has no experiment {experiment_id}",
                code=codes.NOT_FOUND,
                hint=f"it has {len(fold.state.experiments)} experiments, counted from 0",
            ) from None


class RunViews:
    """The views of a storage's runs; those asked for last are kept, and of the others what a list shows."""

    def __init__(self, path: Path, *, num_kept: int = NUM_KEPT, max_bytes: int = MAX_FOLDED_BYTES) -> None:
        self.storage = EventStorage(path)
        self.committed: dict[str, int] = {}
        self._num_kept = num_kept
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._views: OrderedDict[str, RunView] = OrderedDict()
        self._listed: dict[str, tuple[object, ListedRun]] = {}

    def open(self, run_id: object) -> RunView:
        """The view of a run that exists. Raises StoreError for another id."""
        return self.view(self.storage.open(check_name(run_id, "run id")).run_id)

    def view(self, run_id: str) -> RunView:
        """The view of a run that may begin later. Raises StoreError for what is no id."""
        folder = self.storage.run(run_id)
        with self._lock:
            view = self._views.pop(run_id, None) or RunView(folder, self.committed)
            self._views[run_id] = view
            while len(self._views) > self._num_kept or (len(self._views) > 1 and self._size_bytes() > self._max_bytes):
                self._views.popitem(last=False)
            return view

    def listed(self) -> list[ListedRun]:
        """All runs, newest first; a log that did not grow is not read again."""
        return [self._list(run) for run in self.storage.runs()]

    def _size_bytes(self) -> int:
        return sum(view.size_bytes for view in self._views.values())

    def _list(self, run: RunFolder) -> ListedRun:
        state = _state_of_log(run), self.committed.get(run.run_id)
        alive = liveness(run)
        known = self._listed.get(run.run_id)
        if known is None or known[0] != state or known[1].liveness != alive:
            # A run that has ended is listed for good: its view need not drive out one that is looked at.
            view = self.view(run.run_id) if alive == "alive" else RunView(run, self.committed)
            known = self._listed[run.run_id] = state, view.summary()
        return known[1]


def _state_of_log(run: RunFolder) -> tuple[int, int]:
    try:
        found = run.log_path.stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns
