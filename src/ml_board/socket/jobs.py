"""What publishers want of a log: each kind of job that an inlet does, and the words for why one was refused.

Owns what is appended and answered. Knows neither connections nor threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ml_board.access.auth import NOT_ALLOWED, TOO_MANY_TRIES
from ml_board.socket.batches import MAX_BATCH_BYTES, read_batch
from mlgym_core.errors import MLGymError
from mlgym_core.events import codes
from mlgym_core.events.log import LogWriter, SliceError

RETRY_AFTER_S = 1.0
_WORDS = {
    codes.GAP: "gap",
    codes.CONFLICT: "conflict",
    codes.FENCED: "fenced",
    codes.TOO_LARGE: "too_large",
    codes.BAD_NAME: "malformed",
    codes.NOT_AN_EVENT: "malformed",
    codes.DAMAGED: "read_only",
    codes.UNAUTHORIZED: "unauthorized",
    NOT_ALLOWED: "unauthorized",
    TOO_MANY_TRIES: "unauthorized",
}
_NOT_NOW = "storage_full"
"""The word for all that may be over in a moment: a full disk, one that failed, a log that another process holds."""


@dataclass(slots=True, kw_only=True)
class SingleEvent:
    """An event of version 1; `seq` is None where the log is to count."""

    line: bytes
    producer: str
    seq: int | None
    num_events: int = 1
    event_id: int | None = None

    def append(self, writer: LogWriter) -> None:
        """Appends it, unless it is there."""
        last = writer.last_seq(self.producer)
        seq = last + 1 if self.seq is None else self.seq
        next_id = writer.append(self.producer, seq, [self.line])
        self.event_id = next_id - 1 if seq > last else None

    def answer(self, _writer: LogWriter) -> int | None:
        """Where it came to stand; None for one that was there."""
        return self.event_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """A publisher that asks how far the log is."""

    producer: str
    others: Sequence[str] = ()
    num_events: int = 0

    def append(self, _writer: LogWriter) -> None:
        """Appends nothing."""

    def answer(self, writer: LogWriter) -> dict[str, Any]:
        """The last number of each producer that was asked for."""
        seqs = {name: writer.last_seq(name) for name in self.others}
        return greeting(writer.last_seq(self.producer), writer.head, seqs)


@dataclass(slots=True, kw_only=True)
class Batch:
    """Lines that are taken or refused as a whole; without a stamp they are events of `producer` from `next_seq` on."""

    data: bytes
    run_id: str
    producer: str
    next_seq: int
    num_events: int = 0
    last_seqs: dict[str, int] = field(default_factory=dict)
    """How far the log is with the producers of these lines; of a batch that was refused, with the one to blame."""
    producers: list[str] = field(default_factory=list)

    def append(self, writer: LogWriter) -> None:
        """Appends all that the log does not have."""
        try:
            slices = read_batch(self.data, self.run_id, self.producer, self.next_seq)
            writer.append_all(slices)
        except SliceError as error:
            self.last_seqs = {error.producer: writer.last_seq(error.producer)}
            raise
        self.num_events = sum(len(lines) for _, _, lines in slices)
        self.producers = [producer for producer, _, _ in slices] or [self.producer]

    def answer(self, writer: LogWriter) -> dict[str, Any]:
        """How far the log is now, with the producer of the last line and with all of them."""
        self.last_seqs = {producer: writer.last_seq(producer) for producer in self.producers}
        return {"last_seq": self.last_seqs[self.producers[-1]], "head": writer.head, "last_seqs": self.last_seqs}


def greeting(last_seq: int, head: str, last_seqs: dict[str, int]) -> dict[str, Any]:
    """What the server says to a publisher's hello."""
    return {"last_seq": last_seq, "max_batch_bytes": MAX_BATCH_BYTES, "head": head, "last_seqs": last_seqs}


def refusal(error: MLGymError, **further: Any) -> dict[str, Any]:
    """What a publisher of version 2 is told of an error."""
    word = _WORDS.get(error.code, _NOT_NOW)
    when = {"retry_after": RETRY_AFTER_S} if word == _NOT_NOW else {}
    return {"err": word, "message": error.message, "hint": error.hint, **when, **further}
