"""What training processes wrote, read back from where it stands in the log.

Owns how much of it is read at once. It must not know who asks, nor which lines.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import msgspec

from mlgym_core.errors import StoreError
from mlgym_core.events.codec import decode_event
from mlgym_core.events.codes import REWRITTEN
from mlgym_core.events.files import reading
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.lines import read_whole
from mlgym_core.events.types import LogLines, Stream

MAX_PAGE_BYTES = 4 * 2**20
_GUESS_BYTES = 2**14
"""What is read at once for one event; of a longer one the rest is read after."""


class LogEntry(msgspec.Struct, kw_only=True):
    """Lines that were written at once; `at` is in seconds since the epoch, and no experiment is the run as a whole."""

    event_id: int
    at: float
    experiment_id: int | None
    stream: Stream
    level: str | None
    lines: list[str]


class LogPage(msgspec.Struct, kw_only=True):
    """Log lines by rising event_id, after `offset` events; `more` of them lie in the direction that was asked for."""

    offset: int
    entries: list[LogEntry]
    more: bool


def read_entries(run: RunFolder, events: Sequence[tuple[int, int]], *, earliest: bool) -> tuple[list[LogEntry], bool]:
    """The entries of `events`, (event_id, first byte), and whether some were left out because they are too much.

    Those left out are the last where the `earliest` are asked for, else the first; one is always read.

    Raises:
        StoreError: the log cannot be read, or is not the one any more that the places are of.
    """
    entries: list[LogEntry] = []
    num_bytes = 0
    with reading(run.log_path):
        fd = os.open(run.log_path, os.O_RDONLY)
        try:
            for event_id, start in events if earliest else reversed(events):
                line = read_whole(fd, start, _GUESS_BYTES).partition(b"\n")[0]
                num_bytes += len(line)
                if entries and num_bytes > MAX_PAGE_BYTES:
                    break
                entries.append(_entry(run, event_id, line))
        finally:
            os.close(fd)
    return entries if earliest else entries[::-1], len(entries) < len(events)


def _entry(run: RunFolder, event_id: int, line: bytes) -> LogEntry:
    try:
        event = decode_event(line)
    except StoreError:
        event = None
    if event is None or not isinstance(event.payload, LogLines):
        raise StoreError(f"{run.log_path} was cut or rewritten while it was read", code=REWRITTEN)
    said = event.payload
    return LogEntry(
        event_id=event_id,
        at=event.creation_ts / 1e6,
        experiment_id=said.experiment_id,
        stream=said.stream,
        level=said.level,
        lines=said.lines,
    )
