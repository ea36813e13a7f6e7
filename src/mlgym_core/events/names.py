"""Which ids and names may become part of a path. Knows no path itself."""

from __future__ import annotations

import re

from mlgym_core.errors import StoreError
from mlgym_core.events.codes import BAD_NAME

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")


def check_name(name: object, what: str) -> str:
    """`name`, a string that cannot lead out of a folder.

    Raises:
        StoreError: it is none.
    """
    if isinstance(name, str) and is_name(name):
        return name
    raise StoreError(
        f"{name!r:.200} is no {what}",
        code=BAD_NAME,
        hint="allowed are up to 128 letters, digits, '.', '_' and '-', of which the first is a letter or a digit",
    )


def is_name(text: str) -> bool:
    """Whether `text` cannot lead out of a folder."""
    return _NAME.fullmatch(text) is not None


def is_number(text: str) -> bool:
    """Whether `text` is how an id or an epoch is written as a folder's name."""
    return _NUMBER.fullmatch(text) is not None


def check_number(number: object, what: str) -> int:
    """`number` as an integer from 0; its decimal digits are accepted too.

    Raises:
        StoreError: it is none.
    """
    if not isinstance(number, bool) and isinstance(number, int | str) and _NUMBER.fullmatch(str(number)):
        return int(number)
    raise StoreError(f"{number!r:.200} is no {what}", code=BAD_NAME, hint="it is a whole number from 0")
