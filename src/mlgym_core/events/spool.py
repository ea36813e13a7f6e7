"""A producer's own file of events: written by one process, carried on by another.

Owns the spool's file. Line n of it, counted from 1, is the producer's event n. It must not know where events go.
"""

from __future__ import annotations

import os
import threading
import uuid
from pathlib import Path
from typing import NoReturn, Protocol

from mlgym_core.errors import StoreError
from mlgym_core.events.codec import encode_into
from mlgym_core.events.codes import LOCKED, NOT_FOUND, STOPPED
from mlgym_core.events.folder import RunFolder, writing
from mlgym_core.events.lines import line_start, read_lines
from mlgym_core.events.lock import lock_exclusively, same_file
from mlgym_core.events.types import Payload

_PATIENCE_S = 0.5


class Publisher(Protocol):
    """Where facts go."""

    def publish(self, payload: Payload) -> None:
        """Records a fact and returns at once: what was published survives the end of this process.

        Raises:
            StoreError: the event does not fit into a log, or the disk takes no more.
        """
        ...


class Spool:
    """A `Publisher` that appends to a file of its own in the run's folder; threads may share it.

    Without a `producer` it is a new one. With one it goes on where that producer's spool ends; a spool that was
    carried on whole and removed cannot be used again.

    Raises:
        StoreError: the spool cannot be written, is gone, or another process uses it.
    """

    def __init__(self, run: RunFolder, producer: str | None = None) -> None:
        self.producer = producer or uuid.uuid4().hex
        self.path = run.spool_path(self.producer)
        self._fd = _create(self.path) if producer is None else _reopen(self.path)
        self._buffer = bytearray()
        self._lock = threading.Lock()

    def publish(self, payload: Payload) -> None:
        """Appends one line; see `Publisher`."""
        with self._lock:
            buffer = self._buffer
            encode_into(payload, buffer)
            try:
                written = os.write(self._fd, buffer)
                if written < len(buffer):
                    _write_rest(self._fd, buffer, written)
            except BaseException as error:  # an interrupt too: the next event would go on in a torn line
                self._give_up(error)

    def close(self) -> None:
        """Ends the producer: its lock is gone, so that the spool is removed once all of it is in the log."""
        with self._lock:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1

    def _give_up(self, error: BaseException) -> NoReturn:
        if self._fd < 0:
            raise StoreError(f"the spool {self.path} is closed", code=STOPPED) from error
        _cut_torn_line(self._fd)
        with writing(self.path):
            raise error


class SpoolReader:
    """Follows a spool: each whole line once, in order. `offset` is where the next one begins."""

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
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(nameless, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o644)
        if not lock_exclusively(fd, nameless):
            raise AssertionError("nobody else knows this file")
        nameless.rename(path)
    return fd


def _reopen(path: Path) -> int:
    try:
        with writing(path):
            fd = os.open(path, os.O_RDWR | os.O_APPEND)
    except StoreError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise StoreError(f"there is no spool {path}", code=NOT_FOUND, hint="begin a new producer") from error
        raise
    if not lock_exclusively(fd, path, _PATIENCE_S):
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


def _write_rest(fd: int, buffer: bytearray, written: int) -> None:
    while written < len(buffer):
        written += os.write(fd, memoryview(buffer)[written:])
