"""The log of a run: one writer, and lines that are only ever appended.

Owns the log's file and its recovery. It must not know what an event means, nor who sent it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import chain

from mlgym_core.errors import StoreError
from mlgym_core.events.chain import load_chain, save_chain
from mlgym_core.events.codec import ATTEMPT_HEAD, chain_lines, read_stamp, without_stamp
from mlgym_core.events.codes import CONFLICT, GAP, STOPPED
from mlgym_core.events.durability import SYNCS
from mlgym_core.events.fencing import fenced
from mlgym_core.events.files import sync_folder, writing
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.lock import PATIENCE_S, WriterLock
from mlgym_core.events.names import check_name
from mlgym_core.events.stored import StoredEvents
from mlgym_core.events.verify import verify_chain

_SAVE_EVERY = 10_000
"""How many lines at least lie between two snapshots of the chain's end."""


class SliceError(StoreError):
    """Why of several slices none was appended, and the producer of the one to blame."""

    def __init__(self, why: StoreError, producer: str) -> None:
        super().__init__(why.message, code=why.code, hint=why.hint)
        self.producer = producer

    def __reduce__(self) -> tuple[object, ...]:
        return SliceError, (StoreError(self.message, code=self.code, hint=self.hint), self.producer)


class LogWriter:
    """The one writer of a run's log; a thread of its own may commit, but two threads must not call at once.

    Where another process has the log it is waited for `patience_s`.

    What a crash left unterminated at the end of the log is moved to `torn.bak` first. Of a long log only what stands
    behind the last snapshot of its chain is read and checked; `mlgym verify` reads all of it.

    Raises:
        StoreError: another process writes the log, the log is damaged, or it cannot be written.
    """

    def __init__(
        self,
        run: RunFolder,
        *,
        patience_s: float = PATIENCE_S,
        sync: Callable[[int], None] = SYNCS["synced"],
        write: Callable[[int, memoryview], int] = os.write,
    ) -> None:
        self.run = run
        self._sync = sync
        self._write = write
        self._fd = -1
        self._lock = WriterLock(run, patience_s)
        try:
            saved = load_chain(run)
            self._num_saved = saved.num_lines
            self._end = verify_chain(run.log_path, saved)
            with writing(run.log_path):
                self._fd = os.open(run.log_path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
                self._move_torn_tail()
                if self._end.size_bytes:  # who was killed may have written lines, told now as safe, and not synced them
                    sync(self._fd)
                sync_folder(run.path, "synced")
        except BaseException:  # an interrupt too: nobody has the writer yet who could give up its lock
            self.close()
            raise
        self._next = self._end.copy()
        self._pending: list[bytes] = []
        self._starts: dict[str, int] = {}
        self._stored = StoredEvents(self._fd)

    @property
    def head(self) -> str:
        """The SHA-256 of the last committed line; 64 zeros where there is none."""
        return self._end.head

    @property
    def num_events(self) -> int:
        """How many lines are committed."""
        return self._end.num_lines

    @property
    def is_open(self) -> bool:
        """Whether it holds the log; a failed sync closes it."""
        return self._fd >= 0

    def last_seq(self, producer: str) -> int:
        """The number of the last event of `producer` that was appended; 0 where there is none."""
        return self._next.last_seqs.get(producer, 0)

    def append(self, producer: str, first_seq: int, lines: Sequence[bytes]) -> int:
        """The `event_id` of the line after `lines`, which are the events `first_seq`, … of `producer`.

        Those that the log has are skipped. `lines` are as `encode_event`, `encode_foreign` and `check_line` make them.

        Raises:
            StoreError: nothing was appended. An event before `first_seq` is missing (GAP), the log has other content
                under one of these numbers (CONFLICT), a newer attempt has replaced this one (FENCED), or the log has
                stopped.
        """
        self._check_usable()
        last = self.last_seq(check_name(producer, "producer"))
        if first_seq > last + 1:
            raise StoreError(
                f"the log of run {self.run.run_id} has {last} events of {producer} and was given event {first_seq}",
                code=GAP,
                hint=f"go on at event {last + 1}",
            )
        num_known = min(len(lines), last + 1 - first_seq)
        if num_known:
            self._check_same(producer, first_seq, lines[:num_known])
        new = lines[num_known:]
        if new:
            self._check_live(producer, new)
            stamped, self._next.head = chain_lines(new, producer, last + 1, self._next.head)
            self._pending += stamped
            self._next.num_lines += len(new)
            self._next.last_seqs[producer] = last + len(new)
            self._starts.setdefault(producer, last + 1)
        return self._next.num_lines

    def append_all(self, slices: Sequence[tuple[str, int, Sequence[bytes]]]) -> int:
        """As `append`, for several slices (producer, first_seq, lines), of which all are appended or none.

        Raises:
            SliceError: for the same reasons; it says whose slice it was.
        """
        num_before = len(self._pending)
        for producer, first_seq, lines in slices:
            try:
                self.append(producer, first_seq, lines)
            except StoreError as error:
                self._forget_from(num_before)
                raise SliceError(error, producer) from error
        return self._next.num_lines

    def commit(self) -> list[bytes]:
        """The lines that this call made readable facts, without newline: they are written and synced.

        Raises:
            StoreError: the disk took them not (DISK_FULL where it has no room); the log is cut back to the last commit,
                what was appended since has to be appended again. After a failed sync the writer has stopped: open a
                new one.
        """
        self._check_usable()
        lines = self._pending
        if not lines:
            return []
        data = b"\n".join(lines) + b"\n"
        is_written = False
        with writing(self.run.log_path):
            try:
                self._write_all(data)
                is_written = True
                self._sync(self._fd)
            except BaseException as error:  # an interrupt too: what is in the file and not in the books comes twice
                # What a failed sync left on the disk is not known, and a second one may succeed without effect.
                self._cut_back(stop=is_written and isinstance(error, OSError))
                raise
        for producer, seq in self._starts.items():
            self._stored.note(producer, seq, self._end.size_bytes)
        self._next.size_bytes += len(data)
        self._end = self._next.copy()
        self._pending, self._starts = [], {}
        self._save_chain()
        return lines

    def close(self) -> None:
        """Gives up the lock. What was not committed is forgotten."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._lock.release()

    def _check_same(self, producer: str, first_seq: int, lines: Sequence[bytes]) -> None:
        committed = self._end.last_seqs.get(producer, 0)
        stored = self._stored.lines(producer, first_seq) if first_seq <= committed else iter(())
        if first_seq + len(lines) - 1 > committed:
            mine = (line for line in self._pending if (stamp := read_stamp(line)) and stamp.producer == producer)
            pending = [without_stamp(line) for line in mine]
            stored = chain(stored, pending[max(0, first_seq - committed - 1) :])
        for seq, (line, known) in enumerate(zip(lines, stored, strict=False), first_seq):
            if line != known:
                raise StoreError(
                    f"event {seq} of {producer} is in the log of run {self.run.run_id} with other content",
                    code=CONFLICT,
                    hint="two spools have one producer's name, or one was edited: keep the one that the log goes on",
                )

    def _check_live(self, producer: str, lines: Sequence[bytes]) -> None:
        if producer not in self._next.stale:
            starts = [line for line in lines if line.startswith(ATTEMPT_HEAD)]
            for line in starts:
                self._next.take_up(producer, line)
            if producer not in self._next.stale:
                return
            self._forget_from(len(self._pending))
        raise fenced(self.run, producer)

    def _forget_from(self, num_kept: int) -> None:
        del self._pending[num_kept:]
        self._next = self._end.copy()
        self._next.extend(self._pending)
        self._next.size_bytes = self._end.size_bytes

    def _write_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._write(self._fd, view) :]

    def _cut_back(self, stop: bool) -> None:
        self._starts = {}
        self._forget_from(0)
        try:
            os.ftruncate(self._fd, self._end.size_bytes)
        except OSError:
            stop = True
        if stop:
            self.close()

    def _save_chain(self) -> None:
        if self._end.num_lines - self._num_saved >= _SAVE_EVERY:
            self._num_saved = self._end.num_lines
            with suppress(StoreError):  # it only spares time; a disk that takes no more is told of by what follows
                save_chain(self.run, self._end)

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
