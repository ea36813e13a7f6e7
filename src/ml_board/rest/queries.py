"""What routes are asked for behind the `?`, checked in one place. Knows no route."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from flask import request

from ml_board.rest.errors import UNFIT, RestError
from mlgym_core.errors import StoreError
from mlgym_core.events.names import check_number

MAX_VALUES = 10_000
"""How many values one name may have."""
_ValueT = TypeVar("_ValueT")


def number(name: str, *, at_least: int = 0, at_most: int | None = None) -> int | None:
    """The whole number that `name` has; None where it is not given.

    Raises:
        RestError: it is none, or out of bounds.
    """
    given = request.args.get(name)
    if given is None:
        return None
    found = _whole(name, given)
    if found < at_least or (at_most is not None and found > at_most):
        upper = "" if at_most is None else f" to {at_most}"
        raise RestError(f"{name}={found} is out of bounds", code=UNFIT, hint=f"{name} is from {at_least}{upper}")
    return found


def names(name: str) -> frozenset[str] | None:
    """All values of `name`, which may be repeated or hold several after commas; None where it is not given.

    Raises:
        RestError: there are too many.
    """
    return _several(name, str)


def numbers(name: str) -> frozenset[int] | None:
    """The same for whole numbers. Raises RestError for what is none, too."""
    return _several(name, lambda text: _whole(name, text))


def one_of(name: str, choices: tuple[str, ...]) -> str | None:
    """Which of `choices` the value of `name` is; None where it is not given. Raises RestError for another."""
    given = request.args.get(name)
    if given is None or given in choices:
        return given
    raise RestError(f"{name}={given!r:.200} is not known", code=UNFIT, hint=f"{name} is one of: {', '.join(choices)}")


def _several(name: str, read: Callable[[str], _ValueT]) -> frozenset[_ValueT] | None:
    given = [text for each in request.args.getlist(name) for text in each.split(",")]
    if len(given) > MAX_VALUES:
        raise RestError(f"{name} has {len(given)} values; {MAX_VALUES} are allowed", code=UNFIT)
    return frozenset(map(read, given)) if given else None


def _whole(name: str, text: str) -> int:
    try:
        return check_number(text, name)
    except StoreError as error:
        raise RestError(error.message, code=UNFIT, hint=error.hint) from error
