"""One batch of lines, taken apart: whose events they are, their numbers there, and whether each is sound.

Pure. Knows neither connections nor the log.
"""

from __future__ import annotations

from typing import TypeAlias

from mlgym_core.errors import StoreError
from mlgym_core.events.codec import MAX_LINE_BYTES
from mlgym_core.events.log import SliceError
from mlgym_core.events.sent import check_line, take_stamp

MAX_BATCH_BYTES = MAX_LINE_BYTES + 2**16
"""What one batch may have: an event of the largest size with its stamp, or many small ones."""

Slice: TypeAlias = tuple[str, int, list[bytes]]
"""Events of one producer that follow on each other: the producer, the first one's number, the bare lines."""


def read_batch(data: bytes, run_id: str, producer: str, next_seq: int) -> list[Slice]:
    """The events of a batch in their order, without their senders' stamps.

    A line without a stamp is the next event of `producer`, counted from `next_seq`.

    Raises:
        SliceError: a line is no sound event of the run.
    """
    slices: list[Slice] = []
    current, expected = "", 0
    lines: list[bytes] = []
    for number, sent in enumerate(data.removesuffix(b"\n").split(b"\n") if data else ()):
        line, whose, seq = take_stamp(sent)
        if whose is None:
            whose, seq = producer, next_seq
            next_seq += 1
        if seq != expected or whose != current:
            current, lines = whose, []
            slices.append((whose, seq, lines))
        expected = seq + 1
        try:
            lines.append(check_line(line, run_id))
        except StoreError as error:
            where = StoreError(f"line {number} of the batch: {error.message}", code=error.code, hint=error.hint)
            raise SliceError(where, whose) from error
    return slices
