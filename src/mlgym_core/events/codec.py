"""One event as one line of JSON, and back.

Owns the layout of a line: `event_type`, `creation_ts`, `payload`, further keys of others, and the stamp `x` last.
It must not know where a line goes.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from mlgym_core.errors import StoreError
from mlgym_core.events.codes import NOT_AN_EVENT
from mlgym_core.events.names import check_name
from mlgym_core.events.types import (
    EVENT_TYPES,
    PAYLOADS,
    AttemptStarted,
    Divergence,
    EvaluationResult,
    Event,
    ExperimentConfig,
    LossScore,
    MetricScore,
    Payload,
    RunStarted,
)

MAX_LINE_BYTES = 8 * 2**20
"""The size that an event may have: a line and its stamp fit into one message of a socket (16 MB)."""
MAX_DEPTH = 64
"""How many lists and mappings may lie in each other in one event."""
FREE_FORM = frozenset({ExperimentConfig, RunStarted, AttemptStarted, Divergence})
"""The types whose payloads may hold anything, so that how deep they are has to be looked up."""
NO_LINE_BEFORE = "0" * 64
"""What line 0 is chained to."""

_ENCODER = msgspec.json.Encoder()
_HEADS = {kind: f'{{"event_type":"{name}","creation_ts":'.encode() for kind, name in EVENT_TYPES.items()}
ATTEMPT_HEAD = _HEADS[AttemptStarted]
"""How each line begins that starts an attempt."""
_STRICT = {name: msgspec.json.Decoder(kind) for name, kind in PAYLOADS.items()}
_LAX = {name: msgspec.json.Decoder(kind, strict=False) for name, kind in PAYLOADS.items()}
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_STAMP = re.compile(rb',"x":\{"producer":"([A-Za-z0-9][A-Za-z0-9._-]*)","seq":(\d+),"prev":"([0-9a-f]{64})"\}\}')
_STAMP_BYTES_AT_MOST = 320


class _Envelope(msgspec.Struct, gc=False):
    event_type: str
    creation_ts: int
    payload: msgspec.Raw


class _AttemptPayload(msgspec.Struct):
    experiment_id: int
    attempt: int = 1


class _AttemptLine(msgspec.Struct):
    payload: _AttemptPayload


ScoreT = TypeVar("ScoreT", MetricScore, LossScore)

_ENVELOPE = msgspec.json.Decoder(_Envelope)
_ATTEMPT = msgspec.json.Decoder(_AttemptLine)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What the log adds to a line: whose event it is, its number there, and the SHA-256 of the line before."""

    producer: str
    seq: int
    prev: str


def encode_event(payload: Payload) -> bytes:
    """The line of `payload`, stamped with the present time, without newline.

    Raises:
        StoreError: the event is too large or too deep, or holds what JSON cannot.
    """
    kind = type(payload)
    if isinstance(payload, EvaluationResult):
        payload = _flag_scores(payload)
    try:
        line = b'%b%d,"payload":%b}' % (_HEADS[kind], time.time_ns() // 1000, _ENCODER.encode(payload))
        if kind in FREE_FORM or len(line) > MAX_LINE_BYTES:
            _check_bounds(EVENT_TYPES[kind], line)
    except (TypeError, ValueError, RecursionError) as error:
        raise _refusal(EVENT_TYPES[kind], f"cannot be written as JSON: {error}") from error
    return line


def encode_foreign(event: object) -> tuple[str, bytes]:
    """The `grid_search_id` and the line, without newline, of an event that somebody else made.

    The event is kept as it is, of a known type or not, but for `x`, which is the log's own, and for numbers that are
    not finite, which become null; a score that was none is flagged.

    Raises:
        StoreError: it is no event, or one that is too large or too deep for a log.
    """
    if not isinstance(event, dict):
        raise _refusal("of another program", f"is no JSON object but {type(event).__name__}")
    event_type, creation_ts, payload = (event.get(key) for key in ("event_type", "creation_ts", "payload"))
    if not isinstance(event_type, str) or not event_type:
        raise _refusal("of another program", "has no event_type")
    if isinstance(creation_ts, bool) or not isinstance(creation_ts, int) or not -(2**63) <= creation_ts < 2**63:
        raise _refusal(event_type, "has no creation_ts in whole microseconds")
    if not isinstance(payload, dict):
        raise _refusal(event_type, "has no payload that is an object")
    run_id = check_name(payload.get("grid_search_id"), "run id")
    rest = {key: value for key, value in event.items() if key not in ("event_type", "creation_ts", "payload", "x")}
    flagged = _flag_foreign_scores(payload) if event_type == "evaluation_result" else payload
    whole = {"event_type": event_type, "creation_ts": creation_ts, "payload": flagged, **rest}
    try:
        line = _ENCODER.encode(whole)
        _check_bounds(event_type, line)
    except (TypeError, ValueError, RecursionError) as error:
        raise _refusal(event_type, f"cannot be written as JSON: {error}") from error
    return run_id, line


def decode_event(line: bytes) -> Event | None:
    """The event on a line; None for a type, or a form of a known one, that this version cannot read.

    Raises:
        StoreError: the line holds no event at all.
    """
    envelope = _open(line)
    decoder = _STRICT.get(envelope.event_type)
    if decoder is None:
        return None
    try:
        payload = decoder.decode(envelope.payload)
    except _UNREADABLE:
        try:
            payload = _LAX[envelope.event_type].decode(envelope.payload)
        except _UNREADABLE:
            return None
    return Event(event_type=envelope.event_type, creation_ts=envelope.creation_ts, payload=payload)


def read_head(line: bytes) -> tuple[str, int]:
    """The `event_type` and `creation_ts` of a line, which is checked to be whole.

    Raises:
        StoreError: the line holds no event.
    """
    envelope = _open(line)
    return envelope.event_type, envelope.creation_ts


def read_times(lines: Iterable[bytes], times: list[int]) -> None:
    """Adds to `times` the `creation_ts` of each of `lines`, which are of this project's own making.

    Raises:
        StoreError: a line is no whole event, in JSON that everybody reads; `times` has those of the lines before it.
    """
    decode = _ENVELOPE.decode
    try:
        for line in lines:
            if not line.isascii():
                line.decode()
            times.append(decode(line).creation_ts)
    except _UNREADABLE as error:
        raise _refusal("on a line", f"cannot be read: {error}") from error


def standard(line: bytes) -> bytes:
    """`line` as JSON that everybody reads: MLgym's own server wrote NaN and Infinity as such, which is none.

    Raises:
        StoreError: the line holds no event.
    """
    try:
        _ENVELOPE.decode(line)
    except _UNREADABLE as error:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            raise _refusal("on a line", f"cannot be read: {error}") from error
        return encode_foreign(event)[1]
    return line


def read_stamp(line: bytes) -> Stamp | None:
    """The stamp that a line ends in; None for a line that another program wrote."""
    match = _STAMP.fullmatch(line, max(0, line.rfind(b',"x":', -_STAMP_BYTES_AT_MOST)))
    if match is None:
        return None
    return Stamp(producer=match[1].decode(), seq=int(match[2]), prev=match[3].decode())


def chain_lines(lines: Iterable[bytes], producer: str, first_seq: int, prev: str) -> tuple[list[bytes], str]:
    """`lines` stamped as the events `first_seq`, … of `producer`, each chained to the one before; the last's digest."""
    stamped: list[bytes] = []
    for seq, bare in enumerate(lines, first_seq):
        line = bare[:-1] + end_of_line(producer, seq, prev)
        stamped.append(line)
        prev = hashlib.sha256(line).hexdigest()
    return stamped, prev


def end_of_line(producer: str, seq: int, prev: str) -> bytes:
    """What stands behind the keys of others on a line with this stamp, its closing brace included."""
    return f',"x":{{"producer":"{producer}","seq":{seq},"prev":"{prev}"}}}}'.encode()


def without_stamp(line: bytes) -> bytes:
    """`line` as it was before it was stamped."""
    return line[: line.rfind(b',"x":', -_STAMP_BYTES_AT_MOST)] + b"}"


def read_attempt(line: bytes) -> tuple[int, int] | None:
    """The `experiment_id` and the number of the attempt that the event on a line starts; None where it starts none."""
    if not line.startswith(ATTEMPT_HEAD):
        return None
    try:
        payload = _ATTEMPT.decode(line).payload
    except _UNREADABLE:
        return None
    return payload.experiment_id, payload.attempt


def digest(line: bytes) -> str:
    """What the line after `line` is chained to: the lower-case hex SHA-256 of its bytes without newline."""
    return hashlib.sha256(line).hexdigest()


def _open(line: bytes) -> _Envelope:
    try:
        return _ENVELOPE.decode(line)
    except _UNREADABLE:
        return _ENVELOPE.decode(standard(line))


def _check_bounds(event_type: str, line: bytes) -> None:
    if len(line) > MAX_LINE_BYTES:
        raise _refusal(event_type, f"has {len(line):,} bytes; {MAX_LINE_BYTES:,} are allowed")
    if line.count(b"{") + line.count(b"[") > MAX_DEPTH and _is_deep(msgspec.json.decode(line), MAX_DEPTH):
        raise _refusal(event_type, f"is nested more than {MAX_DEPTH} deep")


def _is_deep(value: object, depth: int) -> bool:
    if isinstance(value, dict):
        return depth == 0 or any(_is_deep(each, depth - 1) for each in value.values())
    if isinstance(value, list):
        return depth == 0 or any(_is_deep(each, depth - 1) for each in value)
    return False


def _flag_scores(result: EvaluationResult) -> EvaluationResult:
    if _are_finite(result.metric_scores) and _are_finite(result.loss_scores):
        return result
    return msgspec.structs.replace(
        result,
        metric_scores=[_flag_score(each) for each in result.metric_scores],
        loss_scores=[_flag_score(each) for each in result.loss_scores],
    )


def _are_finite(scores: Iterable[MetricScore | LossScore]) -> bool:
    for each in scores:  # noqa: SIM110 - a generator costs the training thread three times as much
        if each.score is not None and not math.isfinite(each.score):
            return False
    return True


def _flag_score(score: ScoreT) -> ScoreT:
    if score.score is None:
        return score
    value, not_finite = _finite(score.score)
    return msgspec.structs.replace(score, score=value, not_finite=not_finite)


def _finite(score: float) -> tuple[float | None, str | None]:
    """The pair (`score`, `not_finite`) of a score: a number and None, or None and "nan", "inf" or "-inf"."""
    return (score, None) if math.isfinite(score) else (None, str(float(score)))


def _flag_foreign_scores(payload: dict[str, Any]) -> dict[str, Any]:
    flagged = dict(payload)
    for key in ("metric_scores", "loss_scores"):
        scores = payload.get(key)
        if isinstance(scores, list):
            flagged[key] = [_flag_foreign_score(each) for each in scores]
    return flagged


def _flag_foreign_score(score: object) -> object:
    if not isinstance(score, dict) or not isinstance(score.get("score"), float) or math.isfinite(score["score"]):
        return score
    value, not_finite = _finite(score["score"])
    return {**score, "score": value, "not_finite": not_finite}


def _refusal(event_type: str, why: str) -> StoreError:
    return StoreError(f"an event {event_type} {why}", code=NOT_AN_EVENT)
