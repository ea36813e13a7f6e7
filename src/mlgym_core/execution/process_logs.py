"""What a training process writes and logs, as events within bounds.

Owns the bounds: how long a line may be, how much one event holds, and how much a process may write at all, so that
one that prints for ever does not fill the disk. It must not know how the lines were come by.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator

from mlgym_core.events.spool import Publisher
from mlgym_core.events.types import Dropped, LogLines, Stream

MAX_LINE_BYTES = 2**16
"""What is longer is cut, and says so."""
MAX_EVENT_LINES = 1_000
MAX_EVENT_BYTES = 2**18

BURST_LINES = 10_000
LINES_PER_SECOND = 1_000
_BYTES_OF_A_LINE = 256
"""A longer line counts as several."""


class ProcessLog:
    """Publishes the lines of one process about one experiment; threads may share it.

    Lines beyond the rate are let go; a `dropped` event counts them as soon as there is room again, and at the end.
    """

    def __init__(
        self, publisher: Publisher, run_id: str, experiment_id: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._publisher = publisher
        self._run_id = run_id
        self._experiment_id = experiment_id
        self._allowance = _Allowance(clock)
        self._num_dropped = 0
        # A line that is logged while another is written, by a signal's handler for example, is written too.
        self._lock = threading.RLock()

    def write(self, stream: Stream, lines: Iterable[str], level: str | None = None) -> None:
        """Publishes `lines`, which have no newlines, as far as there is room.

        Raises:
            StoreError: events can no longer be written.
        """
        with self._lock:
            for batch in self._batches(lines):
                self._tell_dropped()
                self._publisher.publish(
                    LogLines(
                        grid_search_id=self._run_id,
                        experiment_id=self._experiment_id,
                        stream=stream,
                        level=level,
                        lines=batch,
                    )
                )

    def close(self) -> None:
        """Tells how many lines were let go since that was last told."""
        with self._lock:
            self._tell_dropped()

    def _batches(self, lines: Iterable[str]) -> Iterator[list[str]]:
        batch: list[str] = []
        batch_bytes = 0
        for line in lines:
            text, size_bytes = _cut(line)
            is_full = len(batch) == MAX_EVENT_LINES or batch_bytes + size_bytes > MAX_EVENT_BYTES
            has_room = self._allowance.take(1 + size_bytes // _BYTES_OF_A_LINE)
            if batch and (is_full or not has_room):
                yield batch
                batch, batch_bytes = [], 0
            if has_room:
                batch.append(text)
                batch_bytes += size_bytes
            else:
                self._num_dropped += 1
        if batch:
            yield batch

    def _tell_dropped(self) -> None:
        count, self._num_dropped = self._num_dropped, 0
        if count:
            self._publisher.publish(
                Dropped(grid_search_id=self._run_id, experiment_id=self._experiment_id, event_type="log", count=count)
            )


class _Allowance:
    """How many lines may be written now: a burst, and then so many a second.

    Once it is used up, a second's worth has to gather first: a flood becomes one event a second, not one a line.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._gathered: float = BURST_LINES
        self._seen_at = clock()
        self._is_used_up = False

    def take(self, num_lines: int) -> bool:
        now = self._clock()
        self._gathered = min(BURST_LINES, self._gathered + (now - self._seen_at) * LINES_PER_SECOND)
        self._seen_at = now
        if self._gathered < (LINES_PER_SECOND if self._is_used_up else num_lines):
            self._is_used_up = True
            return False
        self._is_used_up = False
        self._gathered -= num_lines
        return True


def _cut(line: str) -> tuple[str, int]:
    """The line as UTF-8 has it, cut where it is too long, and its size in bytes."""
    encoded = line.encode(errors="backslashreplace")
    if len(encoded) > MAX_LINE_BYTES:
        mark = f" … (cut: the line has {len(encoded):,} bytes)".encode()
        encoded = encoded[: MAX_LINE_BYTES - len(mark)].decode(errors="ignore").encode() + mark
    return encoded.decode(), len(encoded)
