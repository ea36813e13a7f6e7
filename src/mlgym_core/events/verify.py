"""Reads a whole log and tells whether it is sound. It only reads."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from mlgym_core.errors import StoreError
from mlgym_core.events.codec import NO_LINE_BEFORE, digest, read_head, read_stamp
from mlgym_core.events.codes import DAMAGED
from mlgym_core.events.spool import read_lines

_CHUNK_BYTES = 8 * 2**20


@dataclass(slots=True, kw_only=True)
class ChainEnd:
    """Where a sound log ends: its whole lines, their bytes, the digest of the last, and how far each producer got."""

    num_lines: int = 0
    size_bytes: int = 0
    head: str = NO_LINE_BEFORE
    last_seqs: dict[str, int] = field(default_factory=dict)


def verify_chain(path: Path) -> ChainEnd:
    """The end of the log at `path`, not counting an unterminated last line; an absent log is an empty one.

    Raises:
        StoreError: names the first line that is no event, that is not chained to the line before, or whose number
            does not follow on its producer's last.
    """
    end = ChainEnd()
    if not path.exists():
        return end
    fd = os.open(path, os.O_RDONLY)
    try:
        while True:
            lines, offset = read_lines(fd, end.size_bytes, _CHUNK_BYTES)
            if not lines:
                return end
            for line in lines:
                _extend(end, line, path)
            end.size_bytes = offset
    finally:
        os.close(fd)


def _extend(end: ChainEnd, line: bytes, path: Path) -> None:
    try:
        read_head(line)
    except StoreError as error:
        raise _damage(path, end.num_lines, error.message) from error
    stamp = read_stamp(line)
    if stamp is not None:
        if stamp.prev != end.head:
            raise _damage(path, end.num_lines, "it is not chained to the line before")
        last = end.last_seqs.get(stamp.producer, 0)
        if stamp.seq != last + 1:
            raise _damage(path, end.num_lines, f"event {stamp.seq} of {stamp.producer} follows on its event {last}")
        end.last_seqs[stamp.producer] = stamp.seq
    end.head = digest(line)
    end.num_lines += 1


def _damage(path: Path, line: int, why: str) -> StoreError:
    return StoreError(
        f"{path} is damaged at line {line} (counted from 0): {why}",
        code=DAMAGED,
        hint="nothing is written to it any more; restore the file from a copy",
    )
