"""Snapshots of a run's fold beside its log, so that no state, present or past, has to be folded from the first event.

Owns `snapshots/fold-*`: what is kept, what of it still fits the log, and what goes. All of it may be thrown away at any
time. It must not know what a fold holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from mlgym_core.errors import StoreError
from mlgym_core.events.chain import LogPosition
from mlgym_core.events.codes import NOT_FOUND
from mlgym_core.events.files import write_atomically
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.log_reader import LogReader
from mlgym_core.events.projections.freezing import Frozen, Head, freeze, read_frozen, thaw
from mlgym_core.events.projections.run_fold import RunFold

MARK_EVERY = 100_000
"""How many events lie between two snapshots that stay: so far at most is any past moment from one."""
NEWEST_EVERY = 10_000
"""How many events at least lie between two snapshots near the end of a log; of a run that has ended, a tenth."""
_CHUNK_BYTES = 2**20
_ABANDONED_S = 3600
"""How much older than a new snapshot one is, half written, whose writer must be gone."""
_NAME = re.compile(r"fold-(0|[1-9][0-9]{0,17})")


class FoldSnapshots:
    """The snapshots of one run: one at every `mark_every` events, and one near the end of the log."""

    def __init__(self, run: RunFolder, *, mark_every: int = MARK_EVERY, newest_every: int = NEWEST_EVERY) -> None:
        self._run = run
        self._mark_every = mark_every
        self._newest_every = newest_every
        self._last_kept = self._last_mark = 0
        self._unfit: set[int] = set()
        self._is_writable = True

    def open(self, before: int | None = None) -> tuple[RunFold, LogReader]:
        """The newest fold that is kept, of one of the first `before` events, and a reader of what follows on it."""
        for num_events in sorted(self._kept(), reverse=True):
            if before is None or num_events <= before:
                stretches = self._load(num_events)
                fold = thaw(stretches) if stretches else None
                if fold:
                    head = stretches[-1].head
                    self._last_kept = num_events
                    self._last_mark = head.since if num_events % self._mark_every else num_events
                    return fold, LogReader(self._run, _position(head))
                self._unfit.add(num_events)
        return RunFold(), LogReader(self._run)

    def follow(self, fold: RunFold, reader: LogReader, before: int | None = None) -> Iterator[list[bytes]]:
        """The lines that are new in the log, earlier than event `before`; the caller feeds them to `fold` at once.

        Snapshots are taken on the way.

        Raises:
            StoreError: the log cannot be read, or is not the one any more that was read so far.
        """
        while True:
            stop = self._next_mark(reader.next_event_id)
            lines = reader.poll(_CHUNK_BYTES, stop if before is None else min(stop, before))
            if not lines:
                return
            yield lines
            self._keep(fold, reader)

    def _keep(self, fold: RunFold, reader: LogReader) -> None:
        num_events = fold.state.num_events
        num_new = num_events - self._last_kept
        if num_events % self._mark_every and num_new < self._newest_every // (10 if fold.state.ended else 1):
            return
        self._last_kept = num_events
        if self._is_writable:
            try:
                self._write(fold, reader.position)
            except StoreError:
                self._is_writable = False  # a store that is only read, or a disk that is full

    def _write(self, fold: RunFold, position: LogPosition) -> None:
        num_events = position.num_lines
        kept = self._kept()
        is_mark = num_events % self._mark_every == 0
        if not is_mark and any(other > num_events and other not in self._unfit for other in kept):
            return  # somebody else is further
        since = self._last_mark if self._path(self._last_mark).exists() else 0
        write_atomically(self._path(num_events), freeze(fold, position.head, since))
        if is_mark:
            self._last_mark = num_events
        self._unfit.discard(num_events)
        for other in kept:
            if other in self._unfit or (other < num_events and other % self._mark_every):
                _remove(self._path(other))
        self._sweep(self._path(num_events))

    def _sweep(self, newest: Path) -> None:
        """Removes what a crash left half written; `newest` tells the time as that file system has it."""
        for left in newest.parent.glob(".fold-*"):
            with suppress(OSError):  # another process sweeps too
                if left.stat().st_mtime < newest.stat().st_mtime - _ABANDONED_S:
                    left.unlink()

    def _load(self, num_events: int) -> list[Frozen]:
        """What makes up the fold of so many events, from the first on; nothing where any of it does not fit the log."""
        stretches: list[Frozen] = []
        while num_events:
            frozen = self._read(num_events)
            if frozen is None or frozen.head.since >= num_events:
                return []
            stretches.append(frozen)
            num_events = frozen.head.since
        return stretches[::-1] if self._fit([frozen.head for frozen in stretches]) else []

    def _read(self, num_events: int) -> Frozen | None:
        try:
            frozen = read_frozen(self._path(num_events).read_bytes())
        except OSError:
            return None
        return frozen if frozen and frozen.head.num_events == num_events else None

    def _fit(self, heads: list[Head]) -> bool:
        try:
            with self._run.log_path.open("rb") as log:
                return all(_position(head).holds(log.fileno()) for head in heads)
        except OSError:
            return False

    def _kept(self) -> list[int]:
        try:
            names = [each.name for each in self._run.snapshots_path.iterdir()]
        except OSError:
            return []
        return [int(found[1]) for found in map(_NAME.fullmatch, names) if found]

    def _next_mark(self, num_events: int) -> int:
        return (num_events // self._mark_every + 1) * self._mark_every

    def _path(self, num_events: int) -> Path:
        return self._run.snapshots_path / f"fold-{num_events}"


def open_fold(run: RunFolder, at: int | None = None) -> tuple[RunFold, LogReader]:
    """The fold of a run's events, of those up to event `at` where that is given, and a reader standing behind them.

    It only reads.

    Raises:
        StoreError: there is no event `at`, or the log is damaged or cannot be read.
    """
    before = None if at is None or at < 0 else at + 1
    fold, reader = FoldSnapshots(run).open(before)
    fold_on(fold, reader, before)
    if at is not None:
        check_event(run, at, fold.state.num_events)
    return fold, reader


def fold_on(fold: RunFold, reader: LogReader, before: int | None = None) -> None:
    """Folds what follows in the log, of events earlier than `before`. Raises StoreError as `open_fold` does."""
    while lines := reader.poll(_CHUNK_BYTES, before):
        fold.feed(lines)


def check_event(run: RunFolder, event_id: int, num_events: int) -> None:
    """Refuses an event that is not one of the first `num_events` of a run. Raises StoreError then."""
    if event_id not in range(num_events):
        hint = f"its events are 0 to {num_events - 1}" if num_events else "its log is empty"
        raise StoreError(f"run {run.run_id} has no event {event_id}", code=NOT_FOUND, hint=hint)


def _position(head: Head) -> LogPosition:
    return LogPosition(num_lines=head.num_events, size_bytes=head.size_bytes, head=head.digest)


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
