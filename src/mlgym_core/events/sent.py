"""Lines that another process encoded and sent: each is checked to be one sound event before a log takes it.

Owns what a raw line may be. It must not know how it came.
"""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from mlgym_core.errors import StoreError
from mlgym_core.events.codec import MAX_DEPTH, MAX_LINE_BYTES, encode_foreign
from mlgym_core.events.codes import NOT_AN_EVENT

_ORDER = ("event_type", "creation_ts", "payload")
_STAMP_BYTES_AT_MOST = 400
_NAME, _NUMBER, _DIGEST = rb"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", rb"[1-9][0-9]{0,17}", rb"[0-9a-f]{64}"
_STAMP = re.compile(rb',"x":\{"producer":"(%b)","seq":(%b)(?:,"prev":"%b")?\}\}' % (_NAME, _NUMBER, _DIGEST))
_SPACED_STAMP = re.compile(
    rb',\s*"x"\s*:\s*\{\s*"producer"\s*:\s*"(%b)"\s*,\s*"seq"\s*:\s*(%b)\s*(?:,\s*"prev"\s*:\s*"%b"\s*)?\}\s*\}\s*'
    % (_NAME, _NUMBER, _DIGEST)
)


def take_stamp(line: bytes) -> tuple[bytes, str | None, int]:
    """`line` without the stamp that it ends in, the stamp's producer and number; (`line`, None, 0) where it has none.

    What is no whole stamp stays in the line, for `check_line` to refuse.
    """
    at = line.rfind(b'"x"', -_STAMP_BYTES_AT_MOST)
    if at < 0:
        return line, None, 0
    comma = max(0, line.rfind(b",", 0, at))
    match = _STAMP.fullmatch(line, comma) or _SPACED_STAMP.fullmatch(line, comma)
    if match is None:
        return line, None, 0
    return line[:comma] + b"}", match[1].decode(), int(match[2])


def check_line(line: bytes, run_id: str) -> bytes:
    """`line`, without a stamp, as it may stand in the log of `run_id`: as it is, or written anew where it has to be.

    JSON that readers take in different ways is written anew or refused: numbers that are not finite become null (a
    score is flagged), keys that stand twice and bytes that are no UTF-8 are refused.

    Raises:
        StoreError: it is no sound event, or one of another run.
    """
    if len(line) > MAX_LINE_BYTES:
        raise _refusal(f"has {len(line):,} bytes; {MAX_LINE_BYTES:,} are allowed")
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        return _mend(line, run_id)
    # What comes out as it went in has no key twice, no number out of range and no other spelling of the same.
    if _is_event(event, run_id) and _is_flat(line) and orjson.dumps(event) == line:
        return line
    return _mend(line, run_id)


def _is_event(event: Any, run_id: str) -> bool:
    if type(event) is not dict or tuple(event)[:3] != _ORDER or "x" in event:
        return False
    payload = event["payload"]
    return (
        type(event["event_type"]) is str
        and event["event_type"] != ""
        and type(event["creation_ts"]) is int
        and type(payload) is dict
        and payload.get("grid_search_id") == run_id
    )


def _is_flat(line: bytes) -> bool:
    return line.count(b"{") + line.count(b"[") <= MAX_DEPTH


def _mend(line: bytes, run_id: str) -> bytes:
    try:
        event = json.loads(line.decode(), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise _refusal(f"cannot be read: {error}") from error
    if isinstance(event, dict) and "x" in event:
        raise _refusal("has a key 'x' that is no stamp at its end")
    found, mended = encode_foreign(event)
    if found != run_id:
        raise _refusal(f"speaks of run {found}, not of {run_id}")
    return mended


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _refusal(why: str) -> StoreError:
    return StoreError(f"an event that was sent {why}", code=NOT_AN_EVENT)
