"""Whole lines of a file that grows, as bytes.

Owns how much is read at once and where a torn line begins. It must not know what a line holds.
"""

from __future__ import annotations

import os

_CHUNK_BYTES = 2**20


def read_whole(fd: int, offset: int, max_bytes: int | None = None) -> bytes:
    """The whole lines from `offset` on, newlines included; about `max_bytes` at most, but one line if any is whole."""
    chunks: list[bytes] = []
    size = 0
    is_whole = False
    while max_bytes is None or size < max_bytes or not is_whole:
        chunk = os.pread(fd, _CHUNK_BYTES if max_bytes is None else min(_CHUNK_BYTES, max_bytes), offset + size)
        if not chunk:
            break
        chunks.append(chunk)
        size += len(chunk)
        is_whole = is_whole or b"\n" in chunk
    data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    return data[: data.rfind(b"\n") + 1]


def read_lines(fd: int, offset: int, max_bytes: int | None = None) -> tuple[list[bytes], int]:
    """The lines of `read_whole`, without newline, and the offset after them."""
    data = read_whole(fd, offset, max_bytes)
    return data.split(b"\n")[:-1], offset + len(data)


def line_start(fd: int, end: int) -> int:
    """Where the line begins whose last byte, newline or not, stands before `end`."""
    position = max(0, end - 1)
    while position > 0:
        start = max(0, position - _CHUNK_BYTES)
        newline = os.pread(fd, position - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        position = start
    return 0
