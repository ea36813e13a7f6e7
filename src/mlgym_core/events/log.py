"""The log of a run: one writer, many readers, lines that are only ever appended.

Owns the log's file, its chain and its recovery. It must not know what an event means, nor who sent it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from mlgym_core.errors import StoreError
from mlgym_core.events.codec import NO_LINE_BEFORE, digest, read_stamp, stamp
from mlgym_core.events.codes import GAP, REWRITTEN, STOPPED
from mlgym_core.events.folder import RunFolder, reading, writing
from mlgym_core.events.lock import WriterLock
from mlgym_core.events.names import check_name
from mlgym_core.events.spool import read_lines
from mlgym_core.events.verify import ChainEnd, verify_chain

sync_data: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)
"""Makes the bytes of an open file safe; macOS knows only the sync that takes its times of change along."""


class LogWriter:
    """The one writer of a run's log; a thread of its own may commit, but two threads must not call at once.

    What a crash left unterminated at the end of the log is moved to `torn.bak` first.

    Raises:
        StoreError: another process writes the log, the log is damaged, or it cannot be written.
    """

    def __init__(self, run: RunFolder, sync: Callable[[int], None] = sync_data) -> None:
        self.run = run
        self._sync = sync
        self._lock = WriterLock(run)
        try:
            self._end = verify_chain(run.log_path)
            with writing(run.log_path):
                self._fd = os.open(run.log_path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
                self._move_torn_tail()
                _sync_folder(run)
        except BaseException:
            self._lock.release()
            raise
        self._pending: list[bytes] = []
        self._head = self._end.head
        self._last_seqs = dict(self._end.last_seqs)

    @property
    def head(self) -> str:
        """The SHA-256 of the last committed line; 64 zeros where there is none."""
        return self._end.head

    @property
    def num_events(self) -> int:
        """How many lines are committed."""
        return self._end.num_lines

    def last_seq(self, producer: str) -> int:
        """The number of the last event of `producer` that was appended; 0 where there is none."""
        return self._last_seqs.get(producer, 0)

    def append(self, producer: str, first_seq: int, lines: Sequence[bytes]) -> int:
        """The `event_id` of the line after `lines`, which are the events `first_seq`, … of `producer`.

        Those that the log has are skipped. `lines` are as `encode_event` and `encode_foreign` make them.

        Raises:
            StoreError: an event before `first_seq` is missing, or the log has stopped.
        """
        self._check_usable()
        last = self._last_seqs.get(check_name(producer, "producer"), 0)
        if first_seq > last + 1:
            raise StoreError(
                f"the log of run {self.run.run_id} has {last} events of {producer} and was given event {first_seq}",
                code=GAP,
                hint=f"go on at event {last + 1}",
            )
        head = self._head
        stamped: list[bytes] = []
        for seq, line in enumerate(lines[last + 1 - first_seq :], last + 1):
            stamped.append(stamp(line, producer, seq, head))
            head = digest(stamped[-1])
        self._pending += stamped
        self._head = head
        self._last_seqs[producer] = last + len(stamped)
        return self._end.num_lines + len(self._pending)

    def commit(self) -> list[bytes]:
        """The lines that this call made readable facts, without newline: they are written and synced.

        Raises:
            StoreError: the disk took them not; the log is cut back to the last commit, what was appended since has
                to be appended again. After a failed sync the writer has stopped: open a new one.
        """
        self._check_usable()
        if not self._pending:
            return []
        lines = self._pending
        data = b"\n".join(lines) + b"\n"
        is_written = False
        try:
            self._write(data)
            is_written = True
            self._sync(self._fd)
        except BaseException as error:  # an interrupt too: what is in the file and not in the books would come twice
            with writing(self.run.log_path):
                self._cut_back()
                if is_written and isinstance(error, OSError):
                    # What a failed sync left on the disk is not known, and a second one may succeed without effect.
                    self.close()
                raise
        self._pending = []
        self._end = ChainEnd(
            num_lines=self._end.num_lines + len(lines),
            size_bytes=self._end.size_bytes + len(data),
            head=self._head,
            last_seqs=dict(self._last_seqs),
        )
        return lines

    def close(self) -> None:
        """Gives up the lock. What was not committed is forgotten."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            self._lock.release()

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]

    def _cut_back(self) -> None:
        self._pending = []
        self._head = self._end.head
        self._last_seqs = dict(self._end.last_seqs)
        os.ftruncate(self._fd, self._end.size_bytes)

    def _move_torn_tail(self) -> None:
        end = self._end.size_bytes
        torn = os.pread(self._fd, os.fstat(self._fd).st_size - end, end)
        if torn:
            with self.run.torn_path.open("ab") as backup:
                backup.write(torn + b"\n")
                backup.flush()
                os.fsync(backup.fileno())
            os.ftruncate(self._fd, end)

    def _check_usable(self) -> None:
        if self._fd < 0:
            raise StoreError(f"the log of run {self.run.run_id} is closed for this writer", code=STOPPED)


class LogReader:
    """Follows a log, whoever writes it: each whole line once, in order."""

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        self.next_event_id = 0
        self._offset = 0
        self._last: bytes | None = None

    def poll(self, max_bytes: int | None = None, before: int | None = None) -> list[bytes]:
        """The whole lines, without newline, that came since the last call; about `max_bytes` of them at most.

        The first of them has the `next_event_id` from before the call; none has the event_id `before` or a later one.

        Raises:
            StoreError: the log is not the one any more that was read so far; read it anew. Or it cannot be read.
        """
        with reading(self.run.log_path):
            try:
                fd = os.open(self.run.log_path, os.O_RDONLY)
            except FileNotFoundError:
                return []
            try:
                if os.fstat(fd).st_size < self._offset:
                    raise self._rewritten()
                lines, offset = read_lines(fd, self._offset, max_bytes)
            finally:
                os.close(fd)
        if before is not None and self.next_event_id + len(lines) > before:
            lines = lines[: max(0, before - self.next_event_id)]
            offset = self._offset + sum(len(line) + 1 for line in lines)
        if lines:
            self._check_continues(lines[0])
            self._last = lines[-1]
            self._offset = offset
            self.next_event_id += len(lines)
        return lines

    def _check_continues(self, line: bytes) -> None:
        found = read_stamp(line)
        before = NO_LINE_BEFORE if self._last is None else digest(self._last)
        if found is not None and found.prev != before:
            raise self._rewritten()

    def _rewritten(self) -> StoreError:
        return StoreError(f"{self.run.log_path} was cut or rewritten while it was read", code=REWRITTEN)


def _sync_folder(run: RunFolder) -> None:
    fd = os.open(run.path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
