"""What comes of something that was begun and that nobody needs to wait for yet."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Answer(Protocol[T_co]):
    """What comes of something that was begun; a `concurrent.futures.Future` is one."""

    def done(self) -> bool:
        """Whether `result` need not wait."""
        ...

    def result(self) -> T_co:
        """What it gave, or raises what it failed with; waits for that."""
        ...


def do(work: Callable[[], T]) -> Future[T]:
    """What comes of `work`, which is done now."""
    answer: Future[T] = Future()
    try:
        answer.set_result(work())
    except Exception as error:  # whoever asks for the result is told
        answer.set_exception(error)
    return answer
