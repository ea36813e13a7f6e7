"""How far one server has got in a log, told by the stamps that its lines end in.

Owns the place in the log, how far each producer is there, and which producers a server does not take. Knows no network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from mlgym_core.events.chain import LogPosition
from mlgym_core.events.codec import digest, read_stamp
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.log_reader import LogReader

_CHUNK_BYTES = 4 * 2**20
_STAMPS = re.compile(rb',"x":\{"producer":"([^"]+)","seq":(\d+),"prev":"[0-9a-f]{64}"\}\}\n')
"""The ends of lines: nothing within a line looks like one, as quotes in strings are escaped."""


class Progress:
    """A place in the log of `run`, all before which one server has, but for what it did not take.

    `num_acknowledged` is what an earlier process knew of it.
    """

    def __init__(self, run: RunFolder, num_acknowledged: int) -> None:
        self.run = run
        self.position = LogPosition(num_lines=num_acknowledged)
        self.set_aside: dict[str, str] = {}
        self._seqs: dict[str, int] = {}
        self._refused_after: dict[str, int] = {}

    @property
    def num_acknowledged(self) -> int:
        """How many events before the place the server has."""
        return self.position.num_lines - self._num_set_aside

    @property
    def producers(self) -> list[str]:
        """Whose events lie before the place."""
        return list(self._seqs)

    def look_up(self) -> None:
        """Finds in the log what lies before the place. Raises StoreError where it cannot be read."""
        wanted, self.position = self.position.num_lines, LogPosition()
        for data in _pieces(self.run, self.position, wanted):
            self.advance(data)

    def hear(self, last_seqs: Mapping[str, int]) -> bool:
        """Moves to the first event that is not among those that the server says it has; whether that was back.

        Raises:
            StoreError: the log cannot be read.
        """
        before = self.position.num_lines
        if not self._is_covered(self._seqs, last_seqs):
            self.position, self._seqs = LogPosition(), {}
        for data in _pieces(self.run, self.position):
            if not self._is_covered(seqs_of(data), last_seqs):
                self._advance_by_line(data, last_seqs)
                break
            self.advance(data)
        return self.position.num_lines < before

    def advance(self, data: bytes) -> None:
        """Moves behind the lines that come next."""
        here = self.position
        self._seqs.update(seqs_of(data))
        self.position = LogPosition(
            num_lines=here.num_lines + data.count(b"\n"),
            size_bytes=here.size_bytes + len(data),
            head=digest(data[data.rfind(b"\n", 0, -1) + 1 : -1]),
        )

    def refuse(self, producer: str, why: str) -> None:
        """Sets aside all that is still to come of a producer."""
        self.set_aside[producer] = why
        self._refused_after[producer] = self._seqs.get(producer, 0)

    def select(self, data: bytes) -> bytes:
        """What of these lines is to be sent."""
        if not self.set_aside:
            return data
        return b"".join(line for line in data.splitlines(keepends=True) if _producer(line) not in self.set_aside)

    @property
    def _num_set_aside(self) -> int:
        return sum(max(0, self._seqs.get(each, 0) - after) for each, after in list(self._refused_after.items()))

    def _is_covered(self, seqs: Mapping[str, int], last_seqs: Mapping[str, int]) -> bool:
        return all(last_seqs.get(each, 0) >= seq or each in self.set_aside for each, seq in seqs.items())

    def _advance_by_line(self, data: bytes, last_seqs: Mapping[str, int]) -> None:
        for line in data.splitlines(keepends=True):
            if not self._is_covered(seqs_of(line), last_seqs):
                return
            self.advance(line)


def seqs_of(data: bytes) -> dict[str, int]:
    """The last number of each producer in whole lines of a log."""
    return {producer.decode(): int(seq) for producer, seq in dict(_STAMPS.findall(data)).items()}


def _producer(line: bytes) -> str | None:
    stamp = read_stamp(line.removesuffix(b"\n"))
    return stamp.producer if stamp else None


def _pieces(run: RunFolder, start: LogPosition, before: int | None = None) -> Iterator[bytes]:
    reader = LogReader(run, start)
    while piece := reader.poll_slice(_CHUNK_BYTES, before).data:
        yield piece
