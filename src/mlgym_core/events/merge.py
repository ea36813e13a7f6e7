"""Carries the spools of a run into its log.

Owns the order in which events of several producers come into the log. It must not know what they mean.
"""

from __future__ import annotations

import logging
import os
import time
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import accumulate, groupby, repeat
from operator import itemgetter
from pathlib import Path

from mlgym_core.errors import StoreError
from mlgym_core.events.codec import read_times
from mlgym_core.events.codes import DAMAGED, FENCED, GAP
from mlgym_core.events.files import writing
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.lines import read_whole
from mlgym_core.events.lock import lock_exclusively
from mlgym_core.events.log import LogWriter
from mlgym_core.events.spool import SpoolReader

_LOG = logging.getLogger(__name__)

_ASIDE = {FENCED: ".fenced", GAP: ".gap"}
_READ_BYTES = 4 * 2**20
"""How much of one spool is taken up at once."""


@dataclass(slots=True)
class _Events:
    """Events of one producer in their order, as columns; `times` never go back."""

    times: list[int] = field(default_factory=list)
    seqs: list[int] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)

    def take(self, count: int) -> _Events:
        """Takes the first `count` events out."""
        first = _Events(self.times[:count], self.seqs[:count], self.lines[:count])
        del self.times[:count], self.seqs[:count], self.lines[:count]
        return first


class Merger:
    """Moves what stands in all spools of a run into the run's log, which `writer` holds.

    Each producer's events come in their own order. Across producers an event comes after all that were published
    before it was created, so that a worker's last words precede what the runner says of its end.

    A spool that the log refuses holds up no other: it is set aside, its segments renamed to end in `.fenced` where a
    newer attempt has replaced its own, in `.gap` where events before it are missing, as in a folder that was copied
    while it was written.
    """

    def __init__(self, writer: LogWriter, run: RunFolder) -> None:
        self._writer = writer
        self._run = run
        self._sources: dict[str, _Source] = {}
        self._told: set[str] = set()

    def merge_once(self) -> list[bytes]:
        """The lines that are new in the log, without newline, and safe there.

        What was published while the spools were read comes with the next call: read one after the other, they show
        no single moment. A segment of a spool that is not written any more is removed once all of it is in the log.

        Raises:
            StoreError: the log or a spool failed; nothing is lost, and a later call goes on.
        """
        return self._merge(newest=time.time_ns() // 1000)

    def merge_rest(self) -> list[bytes]:
        """As `merge_once`, until nothing is left: for when the producers are gone."""
        lines = self._merge(newest=None)
        while any(source.has_more for source in self._sources.values()):
            lines += self._merge(newest=None)
        with suppress(OSError):  # a spool is left where a producer is not gone after all
            self._run.spools_path.rmdir()
        return lines

    def _merge(self, newest: int | None) -> list[bytes]:
        self._find_spools()
        try:
            for source in self._sources.values():
                source.read()
            # What a long spool still holds unread may be older than what another one has already shown.
            horizon = min((source.latest for source in self._sources.values() if source.has_more), default=None)
            taken = {producer: source.take(newest, horizon) for producer, source in self._sources.items()}
            for producer, seqs, lines in _in_order({whose: events for whose, events in taken.items() if events.seqs}):
                if producer in self._sources:
                    self._append(producer, seqs, lines)
            merged = self._writer.commit()
        except BaseException:  # an interrupt too: what was taken may not be in the log
            # The next call reads the spools again, and the log knows what it has of them.
            self._sources.clear()
            raise
        for producer in [producer for producer, source in self._sources.items() if source.remove_done()]:
            del self._sources[producer]
        return merged

    def _find_spools(self) -> None:
        for producer, segments in self._run.spools().items():
            source = self._sources.get(producer)
            if source is None:
                source = self._sources[producer] = _Source(self._run, producer, self._writer.last_seq(producer))
            source.extend(segments)

    def _append(self, producer: str, seqs: Sequence[int], lines: Sequence[bytes]) -> None:
        steps = enumerate(seqs, seqs[0])
        num_following = next((seq - seqs[0] for seq, found in steps if found != seq), len(seqs))
        try:
            self._writer.append(producer, seqs[0], lines[:num_following])
            if num_following < len(seqs):  # a segment is missing: the writer refuses what comes behind it
                self._writer.append(producer, seqs[num_following], [])
        except StoreError as error:
            if error.code not in _ASIDE:
                raise
            self._sources.pop(producer).set_aside(_ASIDE[error.code])
            if producer not in self._told:
                self._told.add(producer)
                _LOG.warning("%s; its spool is set aside in %s", error.message, self._run.spools_path)


def _in_order(taken: Mapping[str, _Events]) -> Iterator[tuple[str, Sequence[int], Sequence[bytes]]]:
    """What was taken from each producer in the order of the log, by time: (producer, numbers, lines) piece by piece."""
    if len(taken) == 1:
        ((producer, events),) = taken.items()
        yield producer, events.seqs, events.lines
        return
    entries = [
        entry
        for producer, events in taken.items()
        for entry in zip(events.times, repeat(producer), events.seqs, events.lines, strict=False)
    ]
    entries.sort()
    for producer, group in groupby(entries, key=itemgetter(1)):
        _, _, seqs, lines = zip(*group, strict=True)
        yield producer, seqs, lines


class _Source:
    """What of one producer's spool is not in the log yet; at most a few MiB of it are in memory.

    `has_more` where the spool holds more than was read, all of it later than `latest`.
    """

    def __init__(self, run: RunFolder, producer: str, last_seq: int) -> None:
        self.has_more = False
        self.latest = 0
        self._run = run
        self._producer = producer
        self._known = last_seq
        self._segments: dict[int, _Segment] = {}
        self._read = _Events()
        self._num_kept = 0

    def extend(self, first_seqs: Sequence[int]) -> None:
        """Takes up the segments that are there by now; all but the last are written no more."""
        for first_seq in first_seqs:
            if first_seq not in self._segments:
                self._segments[first_seq] = _Segment(self._run.spool_path(self._producer, first_seq), first_seq)
        for first_seq in first_seqs[:-1]:
            self._segments[first_seq].is_complete = True

    def read(self) -> None:
        """Reads on, unless enough of an earlier read still waits.

        Raises:
            StoreError: a line is no event.
        """
        if self.has_more and self._read.seqs:
            return
        wanted = _READ_BYTES
        for segment in self._segments.values():
            segment.ask_for_end()
            while wanted > 0 and (lines := segment.poll(wanted)):
                wanted -= self._take_up(segment, lines)
        self.has_more = wanted <= 0

    def take(self, newest: int | None, horizon: int | None) -> _Events:
        """The events up to `newest` and those that were kept at the last call, but none after `horizon`."""
        num_due = len(self._read.seqs) if newest is None else max(self._num_kept, self._count_until(newest))
        if horizon is not None:
            num_due = min(num_due, self._count_until(horizon))
        due = self._read.take(num_due)
        self._num_kept = len(self._read.seqs)
        return due

    def remove_done(self) -> bool:
        """Removes the segments that are written no more and are all in the log; whether none is left."""
        if self._read.seqs or self.has_more:
            return False
        self._segments = {first: segment for first, segment in self._segments.items() if not segment.remove_if_done()}
        return not self._segments

    def set_aside(self, ending: str) -> None:
        """Renames all segments, so that they are not read any more."""
        for segment in self._segments.values():
            with writing(segment.path), suppress(FileNotFoundError):
                segment.path.rename(segment.path.with_name(segment.path.name + ending))

    def _count_until(self, moment: int) -> int:
        return bisect_right(self._read.times, moment)

    def _take_up(self, segment: _Segment, lines: Sequence[bytes]) -> int:
        """How many bytes of `lines` are new to the log."""
        first = segment.next_seq - len(lines)
        new = lines[max(0, self._known + 1 - first) :]
        if not new:
            return 0
        first = segment.next_seq - len(new)
        created: list[int] = []
        try:
            read_times(new, created)
        except StoreError as error:
            where = f"line {first + len(created) - segment.first_seq + 1} of {segment.path}"
            raise StoreError(f"{where} is damaged: {error.message}", code=DAMAGED) from error
        # The clock may be set back; within one producer the order of its file counts.
        times = list(accumulate(created, max, initial=self.latest))[1:]
        self.latest = times[-1]
        self._read.times += times
        self._read.seqs += range(first, segment.next_seq)
        self._read.lines += new
        return sum(map(len, new))


class _Segment:
    """One file of a spool: its first line is event `first_seq`, the next that is read `next_seq`.

    Once `is_complete` nothing is added to it.
    """

    def __init__(self, path: Path, first_seq: int) -> None:
        self.path = path
        self.first_seq = first_seq
        self.next_seq = first_seq
        self.is_complete = False
        self._reader = SpoolReader(path)

    def ask_for_end(self) -> None:
        """Looks whether its producer has ended; to be asked before it is read, so that its last words are read too."""
        self.is_complete = self.is_complete or _is_unlocked(self.path)

    def poll(self, max_bytes: int) -> list[bytes]:
        """The new lines, about `max_bytes` of them at most."""
        lines = self._reader.poll(max_bytes)
        self.next_seq += len(lines)
        return lines

    def remove_if_done(self) -> bool:
        """Whether it is not there any more, after it was removed if it is complete and all of it was read."""
        if not self.is_complete:
            return False
        try:
            fd = os.open(self.path, os.O_RDONLY)
        except FileNotFoundError:
            return True
        try:
            # Who goes on with a spool that had ended holds its lock, or has added to it.
            if not lock_exclusively(fd, self.path) or read_whole(fd, self._reader.offset):
                return False
            self.path.unlink()
            return True
        finally:
            os.close(fd)


def _is_unlocked(path: Path) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        return lock_exclusively(fd, path)
    finally:
        os.close(fd)
