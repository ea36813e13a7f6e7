"""Finds again what a log has of a producer: for events that are sent a second time.

Owns where in the file to look. It must not know what follows from a difference.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterator
from operator import itemgetter

from mlgym_core.events.codec import read_stamp, without_stamp
from mlgym_core.events.lines import read_whole

_SPACING = 512
"""How many events of a producer lie between two places of it that are remembered."""
_CHUNK_BYTES = 2**18


class StoredEvents:
    """The committed events of the log open as `fd`, by producer and number."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._places: dict[str, list[tuple[int, int]]] = {}

    def note(self, producer: str, seq: int, offset: int) -> None:
        """Says that event `seq` of `producer` stands at `offset` or behind it."""
        places = self._places.setdefault(producer, [])
        if not places or seq >= places[-1][0] + _SPACING:
            places.append((seq, offset))

    def lines(self, producer: str, seq: int) -> Iterator[bytes]:
        """The events from `seq` on, without stamp, in order."""
        places = self._places.setdefault(producer, [])
        nearest = bisect_right(places, seq, key=itemgetter(0)) - 1
        known, offset = places[nearest] if nearest >= 0 else (0, 0)
        while chunk := read_whole(self._fd, offset, _CHUNK_BYTES):
            at = 0
            while (end := _find(chunk, at, producer, seq)) >= 0:
                if seq >= known + _SPACING:  # who sends one old event again will send the next
                    known = seq
                    insort(places, (seq, offset))
                yield without_stamp(chunk[chunk.rfind(b"\n", 0, end) + 1 : end])
                at, seq = end, seq + 1
            offset += len(chunk)


def _find(chunk: bytes, at: int, producer: str, seq: int) -> int:
    """Where in `chunk` the line ends that holds the event, from `at` on; -1 where none does."""
    mark = b',"x":{"producer":"%b","seq":%d,' % (producer.encode(), seq)
    while (at := chunk.find(mark, at)) >= 0:
        start, end = chunk.rfind(b"\n", 0, at) + 1, chunk.index(b"\n", at)
        stamp = read_stamp(chunk[start:end])
        if stamp is not None and (stamp.producer, stamp.seq) == (producer, seq):
            return end
        at = end
    return -1
