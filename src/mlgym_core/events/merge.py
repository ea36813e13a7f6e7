"""Carries the spools of a run into its log.

Owns the order in which events of several producers come into the log. It must not know what they mean.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import TypeAlias

from mlgym_core.errors import StoreError
from mlgym_core.events.codec import read_head
from mlgym_core.events.codes import DAMAGED
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.lines import read_lines
from mlgym_core.events.lock import lock_exclusively
from mlgym_core.events.log import LogWriter
from mlgym_core.events.spool import SpoolReader

_Entry: TypeAlias = tuple[int, str, int, bytes]
"""(creation_ts, producer, seq, line): its natural order is the order of the log."""


class Merger:
    """Moves what stands in all spools of a run into the run's log, which `writer` holds.

    Each producer's events come in their own order. Across producers an event comes after all that were published
    before it was created, so that a worker's last words precede what the runner says of its end.
    """

    def __init__(self, writer: LogWriter, run: RunFolder) -> None:
        self._writer = writer
        self._run = run
        self._sources: dict[str, _Source] = {}

    def merge_once(self) -> list[bytes]:
        """The lines that are new in the log, without newline, and safe there.

        What was published while the spools were read comes with the next call: read one after the other, they show
        no single moment. A spool whose producer is gone is removed once all of it is in the log.

        Raises:
            StoreError: the log or a spool failed; nothing is lost, and a later call goes on.
        """
        return self._merge(newest=time.time_ns() // 1000)

    def merge_rest(self) -> list[bytes]:
        """As `merge_once`, but keeps nothing for a next call: for when the producers are gone."""
        lines = self._merge(newest=None)
        with suppress(OSError):  # a spool is left where a producer is not gone after all
            self._run.spools_path.rmdir()
        return lines

    def _merge(self, newest: int | None) -> list[bytes]:
        self._find_spools()
        try:
            entries: list[_Entry] = []
            for source in self._sources.values():
                entries += source.take(newest)
            entries.sort()
            for producer, group in groupby(entries, key=lambda entry: entry[1]):
                run = list(group)
                self._writer.append(producer, run[0][2], [line for _, _, _, line in run])
            lines = self._writer.commit()
        except BaseException:
            # What was taken may not be in the log: read the spools again, the log knows what it has of them.
            self._sources.clear()
            raise
        for producer in [producer for producer, source in self._sources.items() if source.remove_if_done()]:
            del self._sources[producer]
        return lines

    def _find_spools(self) -> None:
        try:
            names = [each.name for each in os.scandir(self._run.spools_path)]
        except FileNotFoundError:
            return
        for name in sorted(names):
            producer = name.removesuffix(".jsonl")
            if producer != name and not name.startswith(".") and producer not in self._sources:
                path = self._run.spools_path / name
                self._sources[producer] = _Source(path, producer, self._writer.last_seq(producer))


class _Source:
    """What of one spool is not in the log yet."""

    def __init__(self, path: Path, producer: str, last_seq: int) -> None:
        self._reader = SpoolReader(path)
        self._producer = producer
        self._known = last_seq
        self._seq = 0
        self._ended = False
        self._latest = 0
        self._kept: list[_Entry] = []

    def take(self, newest: int | None) -> list[_Entry]:
        """The events up to the moment `newest`, and those that were kept back at the last call."""
        self._ended = _is_unlocked(self._reader.path)
        due = self._kept
        self._kept = []
        for line in self._reader.poll():
            self._seq += 1
            if self._seq > self._known:
                entry = self._entry(line)
                (due if newest is None or entry[0] <= newest else self._kept).append(entry)
        return due

    def remove_if_done(self) -> bool:
        """Whether the producer is gone and all of its spool is in the log, so that it was removed."""
        return self._ended and not self._kept and _remove(self._reader)

    def _entry(self, line: bytes) -> _Entry:
        try:
            _, creation_ts = read_head(line)
        except StoreError as error:
            where = f"line {self._seq} of {self._reader.path}"
            raise StoreError(f"{where} is damaged: {error.message}", code=DAMAGED) from error
        # The clock may be set back; within one producer the order of its file counts.
        self._latest = max(self._latest, creation_ts)
        return self._latest, self._producer, self._seq, line


def _is_unlocked(path: Path) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        return lock_exclusively(fd, path)
    finally:
        os.close(fd)


def _remove(reader: SpoolReader) -> bool:
    try:
        fd = os.open(reader.path, os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        if not lock_exclusively(fd, reader.path) or read_lines(fd, reader.offset)[0]:
            return False
        reader.path.unlink()
        return True
    finally:
        os.close(fd)
