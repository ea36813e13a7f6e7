"""Where the chain of a log ends, and the snapshot of that, which spares who opens a long log from reading it.

Owns what a writer has to know of the lines before it, and `snapshots/chain.json`. It must not know who writes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from mlgym_core.events.codec import ATTEMPT_HEAD, NO_LINE_BEFORE, digest, end_of_line, read_attempt, read_stamp
from mlgym_core.events.files import write_atomically
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.lines import line_start


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPosition:
    """A place between two lines of a log: behind `num_lines` lines of `size_bytes`, the last with the digest `head`.

    `num_lines` is the `event_id` of the line that comes next.
    """

    num_lines: int = 0
    size_bytes: int = 0
    head: str = NO_LINE_BEFORE

    def holds(self, fd: int) -> bool:
        """Whether the log open as `fd` still has these bytes, as far as the chain tells: the last line before it."""
        if os.fstat(fd).st_size < self.size_bytes:
            return False
        if self.size_bytes == 0:
            return self.num_lines == 0 and self.head == NO_LINE_BEFORE
        start = line_start(fd, self.size_bytes)
        line = os.pread(fd, self.size_bytes - start, start)
        return line.endswith(b"\n") and digest(line[:-1]) == self.head


class Attempt(msgspec.Struct, frozen=True, array_like=True):
    """Who took up an experiment last, and the how manieth attempt that was."""

    number: int
    producer: str


class ChainEnd(msgspec.Struct, kw_only=True):
    """Where a sound log ends: its whole lines, their bytes, the digest of the last, and how far each producer got.

    `attempts` are the newest of each experiment, `stale` the producers of those that a newer one has replaced.
    """

    num_lines: int = 0
    size_bytes: int = 0
    head: str = NO_LINE_BEFORE
    last_seqs: dict[str, int] = {}
    attempts: dict[int, Attempt] = {}
    stale: set[str] = set()

    @property
    def position(self) -> LogPosition:
        """The same place, without the producers."""
        return LogPosition(num_lines=self.num_lines, size_bytes=self.size_bytes, head=self.head)

    def copy(self) -> ChainEnd:
        """One that may change on its own."""
        return msgspec.structs.replace(
            self, last_seqs=dict(self.last_seqs), attempts=dict(self.attempts), stale=set(self.stale)
        )

    def extend(self, lines: Iterable[bytes]) -> str | None:
        """Takes stored lines in; what of the first that does not fit on those before it is wrong, if anything."""
        producer, seq = "", 0
        for line in lines:
            # The line that follows on the last one, of the same producer, is known without being taken apart.
            if producer and line.endswith(end_of_line(producer, seq + 1, self.head)):
                seq += 1
            elif (stamp := read_stamp(line)) is not None:
                if stamp.prev != self.head:
                    return "it is not chained to the line before"
                last = self.last_seqs.get(stamp.producer, 0)
                if stamp.seq != last + 1:
                    return f"event {stamp.seq} of {stamp.producer} follows on its event {last}"
                producer, seq = stamp.producer, stamp.seq
            else:
                producer = ""
            if producer:
                self.last_seqs[producer] = seq
                if line.startswith(ATTEMPT_HEAD):
                    self.take_up(producer, line)
            self.head = digest(line)
            self.num_lines += 1
            self.size_bytes += len(line) + 1
        return None

    def take_up(self, producer: str, line: bytes) -> None:
        """Notes which attempt is the live one, where `line` of `producer` starts one: of two of one number the first.

        The other was begun where nobody knew of it, on a machine that was cut off.
        """
        attempt = read_attempt(line)
        if attempt is None:
            return
        experiment_id, number = attempt
        before = self.attempts.get(experiment_id)
        if before is not None and before.producer != producer:
            self.stale.add(producer if before.number >= number else before.producer)
        if before is None or before.number < number:
            self.attempts[experiment_id] = Attempt(number, producer)


def save_chain(run: RunFolder, end: ChainEnd) -> None:
    """Writes the snapshot of `end`, all of which is synced. Raises StoreError where the folder cannot be written."""
    body = msgspec.json.encode(end)
    write_atomically(run.chain_path, body + b"\n" + hashlib.sha256(body).hexdigest().encode() + b"\n")


def load_chain(run: RunFolder) -> ChainEnd:
    """The end of the log as last saved; that of an empty log where nothing is saved, or something that does not fit."""
    try:
        body, checksum, _ = run.chain_path.read_bytes().split(b"\n")
        end = msgspec.json.decode(body, type=ChainEnd)
        fd = os.open(run.log_path, os.O_RDONLY)
    except (OSError, ValueError):
        return ChainEnd()
    try:
        is_sound = hashlib.sha256(body).hexdigest().encode() == checksum
        return end if is_sound and end.position.holds(fd) else ChainEnd()
    finally:
        os.close(fd)
