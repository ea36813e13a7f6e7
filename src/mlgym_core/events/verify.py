"""Reads a log and tells whether it is sound. It only reads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from mlgym_core.errors import StoreError
from mlgym_core.events.chain import ChainEnd
from mlgym_core.events.codec import read_head
from mlgym_core.events.codes import DAMAGED
from mlgym_core.events.files import reading
from mlgym_core.events.lines import read_lines

_CHUNK_BYTES = 2**20


class DamagedLineError(StoreError):
    """What is wrong with a log, and the number of its first broken line, counted from 0."""

    line = -1


def verify_chain(path: Path, start: ChainEnd | None = None) -> ChainEnd:
    """The end of the log at `path`, not counting an unterminated last line; an absent log is an empty one.

    Without `start`, where a sound log ended earlier, all of it is read.

    Raises:
        DamagedLineError: names the first line that is no event, that is not chained to the line before, or whose number
            does not follow on its producer's last.
        StoreError: the log cannot be read.
    """
    end = start.copy() if start else ChainEnd()
    with reading(path):
        try:
            fd = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return end
        try:
            while lines := read_lines(fd, end.size_bytes, _CHUNK_BYTES)[0]:
                _extend(end, lines, path)
            return end
        finally:
            os.close(fd)


def _extend(end: ChainEnd, lines: Sequence[bytes], path: Path) -> None:
    broken: StoreError | None = None
    for number, line in enumerate(lines):
        try:
            read_head(line)
        except StoreError as error:
            lines, broken = lines[:number], error
            break
    if fault := end.extend(lines):  # of a line before the broken one
        raise _damage(path, end.num_lines, fault)
    if broken:
        raise _damage(path, end.num_lines, broken.message) from broken


def _damage(path: Path, line: int, why: str) -> DamagedLineError:
    error = DamagedLineError(
        f"{path} is damaged at line {line} (counted from 0): {why}",
        code=DAMAGED,
        hint="nothing is written to it any more; restore the file from a copy",
    )
    error.line = line
    return error
