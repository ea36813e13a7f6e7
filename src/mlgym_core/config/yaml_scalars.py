"""What a plain word of YAML means: the core schema of YAML 1.2, within what JSON and 64 bits can hold.

Knows nothing of trees or places.
"""

from __future__ import annotations

import math
import re
from typing import TypeAlias

Value: TypeAlias = str | int | float | bool | None

TAG_PREFIX = "tag:yaml.org,2002:"
TAGS = {"str": str, "int": int, "float": float, "bool": bool, "null": type(None), "map": dict, "seq": list}
"""The tags that may be written, without their prefix, and what they stand for."""

_WORDS: dict[str, Value] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_MAX_DIGITS = 40


def resolve_scalar(text: str, tag: str | None = None) -> Value:
    """The value of a plain word; with a tag, of that type.

    Raises:
        ValueError: no value of the tag's type, not finite or too large.
    """
    if tag == "str":
        return text
    value = _resolve(text)
    if tag == "float" and type(value) is int:
        value = float(value)
    if tag is not None and type(value) is not TAGS[tag]:
        raise ValueError(f"{text!r} is no {tag}")
    return value


def _resolve(text: str) -> Value:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        value = float(text)
        if math.isinf(value):
            raise ValueError(f"{text} is beyond the range of a float")
        return value
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text} is not a finite number, and a configuration holds no other")
    return text


def _integer(text: str) -> int:
    base = {"0x": 16, "0o": 8}.get(text[:2], 10)
    # Python refuses to read very long numbers; these are too large in any case.
    value = int(text, base) if len(text) <= _MAX_DIGITS else 1 << 64
    if not -(1 << 63) <= value < 1 << 64:
        raise ValueError(f"{text[:_MAX_DIGITS]} is beyond 64 bits")
    return value
