"""A producer's own files of events: written by one process, carried on by another.

Owns the segments of a spool and their bound. The lines of a producer's segments, counted from 1 on, are its events.
It must not know where events go.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, Protocol

from mlgym_core.errors import StoreError
from mlgym_core.events.codec import encode_event
from mlgym_core.events.codes import LOCKED, NOT_FOUND, STOPPED
from mlgym_core.events.files import writing
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.lines import line_start, read_lines, read_whole
from mlgym_core.events.lock import PATIENCE_S, lock_exclusively, same_file
from mlgym_core.events.types import EVENT_TYPES, PROGRESS_TYPES, Dropped, Payload

SEGMENT_BYTES = 8 * 2**20
"""The size from which a spool goes on in a new segment, so that the old one can be removed once it was carried on."""
SOFT_BOUND_BYTES = 64 * 2**20
"""How much may wait in a spool before it drops progress."""
_LOOK_EVERY_S = 0.2
_num_forks = 0
"""How many forks lie between this process and the first: to ask the system who one is costs a tenth of a publish."""


def _count_fork() -> None:
    global _num_forks
    _num_forks += 1


os.register_at_fork(after_in_child=_count_fork)


class Publisher(Protocol):
    """Where facts go."""

    def publish(self, payload: Payload) -> None:
        """Records a fact and returns at once: what was published survives the end of this process.

        Raises:
            StoreError: the event does not fit into a log, or the disk takes no more.
        """
        ...


class Spool:
    """A `Publisher` that appends to files of its own in the run's folder; the threads of one process may share it.

    Without a `producer` it is a new one. With one it goes on where that producer's spool ends; a spool that was
    carried on whole and removed cannot be used again.

    While more than `soft_bound_bytes` wait to be carried on, progress is dropped and counted, and `dropped` events say
    how much as soon as there is room; all other events are kept whatever their size.

    Raises:
        StoreError: the spool cannot be written, is gone, or another process uses it.
    """

    def __init__(
        self,
        run: RunFolder,
        producer: str | None = None,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        soft_bound_bytes: int = SOFT_BOUND_BYTES,
        write: Callable[[int, bytes | memoryview], int] = os.write,
    ) -> None:
        self.producer = producer or uuid.uuid4().hex
        self._run = run
        self._segment_bytes = segment_bytes
        self._soft_bound_bytes = soft_bound_bytes
        self._write = write
        self._pid = os.getpid()
        self._num_forks = _num_forks
        self._lock = threading.Lock()
        self._dropped: Counter[tuple[str, int | None, str]] = Counter()
        self._is_full = False
        self._next_look = 0.0
        if producer is None:
            self._segments = [1]
            self.path = run.spool_path(self.producer)
            self._fd = _create(self.path)
            self._num_events = 0
        else:
            self._segments = run.spools().get(producer, [1])
            self.path = run.spool_path(producer, self._segments[-1])
            self._fd = _reopen(self.path)
            self._num_events = self._segments[-1] - 1 + read_whole(self._fd, 0).count(b"\n")
        self._size = os.fstat(self._fd).st_size

    def publish(self, payload: Payload) -> None:
        """Appends one line, or drops progress where too much waits; see `Publisher`."""
        with self._lock:
            if self._is_full and isinstance(payload, PROGRESS_TYPES) and not self._finds_room():
                about = getattr(payload, "experiment_id", None)
                self._dropped[payload.grid_search_id, about, EVENT_TYPES[type(payload)]] += 1
            else:
                self._append(payload)

    def close(self) -> None:
        """Ends the producer: its lock is gone, so that the spool is removed once all of it is in the log."""
        with self._lock:
            if self._fd >= 0:
                with suppress(StoreError):  # a disk that is full at the very end does not take the count either
                    self._tell_dropped()
                os.close(self._fd)
                self._fd = -1
                self._is_full = False

    def _append(self, payload: Payload) -> None:
        line = encode_event(payload) + b"\n"
        if _num_forks != self._num_forks:
            raise StoreError(
                f"the spool {self.path} is that of process {self._pid}",
                code=STOPPED,
                hint="a process that was forked makes a spool of its own",
            )
        try:
            written = self._write(self._fd, line)
            while written < len(line):
                written += self._write(self._fd, memoryview(line)[written:])
        except BaseException as error:  # an interrupt too: the next event would go on in a torn line
            self._give_up(error)
        self._size += written
        self._num_events += 1
        if self._size >= self._segment_bytes:
            self._begin_segment()

    def _begin_segment(self) -> None:
        path = self._run.spool_path(self.producer, self._num_events + 1)
        try:
            fd = _create(path)
        except StoreError:
            return  # the event is recorded; the next one tries again
        # Only now, so that there is no moment in which no lock says that the producer lives.
        os.close(self._fd)
        self._fd, self.path, self._size = fd, path, 0
        self._segments.append(self._num_events + 1)
        self._is_full = self._is_over_bound()

    def _is_over_bound(self) -> bool:
        self._next_look = time.monotonic() + _LOOK_EVERY_S
        sizes = {first: _size(self._run.spool_path(self.producer, first)) for first in self._segments}
        self._segments = [first for first, size in sizes.items() if size is not None]
        return sum(size or 0 for size in sizes.values()) > self._soft_bound_bytes

    def _finds_room(self) -> bool:
        if time.monotonic() >= self._next_look and not self._is_over_bound():
            self._is_full = False
            self._tell_dropped()
        return not self._is_full

    def _tell_dropped(self) -> None:
        for (run_id, about, event_type), count in list(self._dropped.items()):
            self._append(Dropped(grid_search_id=run_id, experiment_id=about, event_type=event_type, count=count))
            del self._dropped[run_id, about, event_type]

    def _give_up(self, error: BaseException) -> NoReturn:
        if self._fd < 0:
            raise StoreError(f"the spool {self.path} is closed", code=STOPPED) from error
        with writing(self.path):
            try:
                os.ftruncate(self._fd, self._size)
            except OSError:
                os.close(self._fd)
                self._fd = -1
            raise error


class SpoolReader:
    """Follows a segment of a spool: each whole line once, in order. `offset` is where the next one begins."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0

    def poll(self, max_bytes: int | None = None) -> list[bytes]:
        """The whole lines, without newline, that came since the last call; about `max_bytes` of them at most."""
        try:
            with self.path.open("rb") as file:
                lines, self.offset = read_lines(file.fileno(), self.offset, max_bytes)
        except FileNotFoundError:
            return []
        return lines


def _create(path: Path) -> int:
    # Locked before it has its name: a spool that no lock holds would be taken for one whose producer is gone.
    nameless = path.with_name(f".{path.name}")
    with writing(path):
        nameless.unlink(missing_ok=True)
        fd = _open_new(nameless)
        if not lock_exclusively(fd, nameless):
            raise AssertionError("nobody else knows this file")
        try:
            nameless.rename(path)
        except OSError:
            os.close(fd)
            raise
    return fd


def _open_new(path: Path) -> int:
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # whoever merged the last spool removed the folder in between
            return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o644)


def _reopen(path: Path) -> int:
    try:
        with writing(path):
            fd = os.open(path, os.O_RDWR | os.O_APPEND)
    except StoreError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise StoreError(f"there is no spool {path}", code=NOT_FOUND, hint="begin a new producer") from error
        raise
    if not lock_exclusively(fd, path, PATIENCE_S):
        os.close(fd)
        raise StoreError(f"the spool {path} is in use by another process", code=LOCKED)
    if not same_file(fd, path):
        os.close(fd)
        raise StoreError(f"there is no spool {path}", code=NOT_FOUND, hint="begin a new producer")
    _cut_torn_line(fd)
    return fd


def _cut_torn_line(fd: int) -> None:
    end = os.fstat(fd).st_size
    if end and os.pread(fd, 1, end - 1) != b"\n":
        os.ftruncate(fd, line_start(fd, end))


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
