"""Reading a run's log, whoever writes it: each whole line once, from any event on.

Owns a reader's place in the file, and whether the file is still the one that was read so far. It only reads, and must
not know what an event means.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from mlgym_core.errors import StoreError
from mlgym_core.events.chain import LogPosition, load_chain
from mlgym_core.events.codec import digest, read_stamp
from mlgym_core.events.codes import NOT_FOUND, REWRITTEN
from mlgym_core.events.files import reading
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.lines import read_whole

_SLICE_BYTES = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSlice:
    """Lines as they stand in the log, each with its newline; the first of them is event `first_event_id`."""

    first_event_id: int
    num_lines: int
    data: bytes


class LogReader:
    """Follows a log from `start` on, whoever writes it: each whole line once, in order."""

    def __init__(self, run: RunFolder, start: LogPosition | None = None) -> None:
        self.run = run
        start = start or LogPosition()
        self.next_event_id = start.num_lines
        self._offset = start.size_bytes
        self._head = start.head
        self._last: bytes | None = None

    @property
    def position(self) -> LogPosition:
        """Where the lines end that were read; a `LogReader` may start there."""
        if self._last is not None:
            self._head, self._last = digest(self._last), None
        return LogPosition(num_lines=self.next_event_id, size_bytes=self._offset, head=self._head)

    def poll(self, max_bytes: int | None = None, before: int | None = None) -> list[bytes]:
        """The whole lines, without newline, that came since the last call; about `max_bytes` of them at most.

        The first of them has the `next_event_id` from before the call; none has the event_id `before` or a later one.

        Raises:
            StoreError: the log is not the one any more that was read so far; read it anew. Or it cannot be read.
        """
        return self._read(max_bytes, before).split(b"\n")[:-1]

    def poll_slice(self, max_bytes: int | None = None, before: int | None = None) -> LogSlice:
        """As `poll`, but in one piece; a slice of no lines where nothing came."""
        first = self.next_event_id
        data = self._read(max_bytes, before)
        return LogSlice(first_event_id=first, num_lines=self.next_event_id - first, data=data)

    def skip_to(self, event_id: int | None) -> None:
        """Goes on to event `event_id`, or behind all that is there. Raises StoreError where there are fewer events."""
        while self._read(_SLICE_BYTES, event_id):
            pass
        if event_id is not None and self.next_event_id != event_id:
            raise StoreError(
                f"run {self.run.run_id} has no event {event_id}",
                code=NOT_FOUND,
                hint=f"it has {self.next_event_id} events, counted from 0",
            )

    def _read(self, max_bytes: int | None, before: int | None) -> bytes:
        if before is not None and before <= self.next_event_id:
            return b""
        with reading(self.run.log_path):
            try:
                fd = os.open(self.run.log_path, os.O_RDONLY)
            except FileNotFoundError:
                return b""
            try:
                if os.fstat(fd).st_size < self._offset:
                    raise self._rewritten()
                data = read_whole(fd, self._offset, max_bytes)
            finally:
                os.close(fd)
        num_lines = data.count(b"\n")
        if before is not None and self.next_event_id + num_lines > before:
            num_lines = before - self.next_event_id
            data = data[: -len(data.split(b"\n", num_lines)[-1])]
        if data:
            self._check_continues(data[: data.index(b"\n")])
            self._last = data[data.rfind(b"\n", 0, -1) + 1 : -1]
            self._offset += len(data)
            self.next_event_id += num_lines
        return data

    def _check_continues(self, line: bytes) -> None:
        found = read_stamp(line)
        if found is not None and found.prev != self.position.head:
            raise self._rewritten()

    def _rewritten(self) -> StoreError:
        return StoreError(f"{self.run.log_path} was cut or rewritten while it was read", code=REWRITTEN)


def reader_at(run: RunFolder, event_id: int | None = None) -> LogReader:
    """A reader before event `event_id`, or behind the last line where that is None.

    Raises:
        StoreError: there is no such event, or the log cannot be read.
    """
    saved = load_chain(run).position
    reader = LogReader(run, saved if event_id is None or saved.num_lines <= event_id else None)
    reader.skip_to(event_id)
    return reader
