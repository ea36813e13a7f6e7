"""A fold as bytes, and back: the small state whole, and of the columns a stretch of events.

Owns that form, which is for the code that made it alone: any change of the fold's own modules makes older bytes
unreadable, so that no state of an earlier rule is ever shown. It must not know where the bytes are kept.
"""

from __future__ import annotations

import pkgutil
import sys
import zlib
from bisect import bisect_left
from collections.abc import Sequence
from functools import cache
from hashlib import sha256

import msgspec

from mlgym_core.events.projections.columns import Column, Columns, LogIndex
from mlgym_core.events.projections.run_fold import RunFold
from mlgym_core.events.projections.run_state import RunState

_SOURCES = {
    "mlgym_core.events": ("codec.py", "descriptions.py", "types.py"),
    "mlgym_core.events.projections": (
        "attempts.py",
        "columns.py",
        "energy.py",
        "freezing.py",
        "measuring.py",
        "run_fold.py",
        "run_state.py",
        "samples.py",
        "scores.py",
    ),
}


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What is frozen: the fold of the first `num_events` events of a log, whose last line has the digest `digest`.

    The columns are those of the events from `since` on. `body_bytes` and `checksum` are of all that follows.
    """

    code: str
    since: int
    num_events: int
    size_bytes: int
    digest: str
    body_bytes: int
    checksum: int


class _Tables(msgspec.Struct, kw_only=True):
    """Of each column its name, how many points of it follow, and how many of all rise from the first on."""

    scores: list[tuple[int, str, int, int]]
    system: list[tuple[str, int, int]]
    logs: list[tuple[int | None, str, int]]


class _Body(_Tables, kw_only=True):
    """The state, and what follows of the columns."""

    state: RunState


class Frozen(msgspec.Struct, frozen=True, kw_only=True):
    """Frozen bytes, checked to be whole and made by this code."""

    head: Head
    body: bytes
    data: memoryview


def freeze(fold: RunFold, digest: str, since: int) -> bytes:
    """The fold, whose last line has the digest `digest`, with the columns of the events from `since` on."""
    columns = fold.columns
    data: list[bytes] = []
    body = msgspec.json.encode(
        _Body(
            state=fold.state,
            scores=[
                (experiment_id, key, _add(data, column, since), column.num_rising)
                for experiment_id, by_key in columns.scores.items()
                for key, column in by_key.items()
            ],
            system=[(key, _add(data, column, since), column.num_rising) for key, column in columns.system.items()],
            logs=[(*key, _add(data, index, since)) for key, index in columns.logs.items()],
        )
    )
    rest = b"\n".join((body, b"".join(data)))
    head = Head(
        code=_code(),
        since=since,
        num_events=fold.state.num_events,
        size_bytes=fold.size_bytes,
        digest=digest,
        body_bytes=len(body),
        checksum=zlib.crc32(rest),
    )
    return msgspec.json.encode(head) + b"\n" + rest


def read_frozen(content: bytes) -> Frozen | None:
    """What `freeze` made; None where it is cut, changed, or was made by other code."""
    first, _, _ = content.partition(b"\n")
    try:
        head = msgspec.json.decode(first, type=Head)
    except msgspec.DecodeError:
        return None
    rest = memoryview(content)[len(first) + 1 :]
    if head.code != _code() or zlib.crc32(rest) != head.checksum:
        return None
    return Frozen(head=head, body=bytes(rest[: head.body_bytes]), data=rest[head.body_bytes + 1 :])


def thaw(stretches: Sequence[Frozen]) -> RunFold | None:
    """The fold of the last of `stretches`, each of which begins where the one before ends, the first at event 0.

    None where its state is one that JSON does not hold: numbers of hundreds of digits, for example.
    """
    columns = Columns()
    last = stretches[-1]
    try:
        for frozen in stretches:
            _extend_all(columns, frozen)
        state = msgspec.json.decode(last.body, type=_Body).state
    except msgspec.DecodeError:
        return None
    return RunFold(state, columns, last.head.size_bytes)


def _extend_all(columns: Columns, frozen: Frozen) -> None:
    tables = msgspec.json.decode(frozen.body, type=_Tables)
    data = frozen.data
    for experiment_id, key, count, num_rising in tables.scores:
        column = columns.score(experiment_id, key)
        column.num_rising = num_rising
        data = _extend(column, data, count)
    for key, count, num_rising in tables.system:
        column = columns.system.setdefault(key, Column("d"))
        column.num_rising = num_rising
        data = _extend(column, data, count)
    for experiment, stream, count in tables.logs:
        data = _extend(columns.logs.setdefault((experiment, stream), LogIndex()), data, count)


def _add(data: list[bytes], column: Column | LogIndex, since: int) -> int:
    start = bisect_left(column.event_ids, since)
    data += [each[start:].tobytes() for each in column.arrays()]
    return len(column.event_ids) - start


def _extend(column: Column | LogIndex, data: memoryview, count: int) -> memoryview:
    for each in column.arrays():
        size = count * each.itemsize
        each.frombytes(data[:size])
        data = data[size:]
    return data


@cache
def _code() -> str:
    digest = sha256(sys.byteorder.encode())
    for package, names in _SOURCES.items():
        for name in names:
            digest.update(pkgutil.get_data(package, name) or b"")
    return digest.hexdigest()
