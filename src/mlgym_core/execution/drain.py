"""What carries a run's events on while it runs: a thread that brings spools into the log, or to servers.

Owns when that happens; how it is done is told by argument. It must not know what an event means.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

_PERIOD_S = 0.05


class Drain:
    """While entered, `carry` is called about twenty times a second, by one thread at a time.

    Where it raises, it is not called again, `on_failure` is, and leaving raises what it raised.
    """

    def __init__(self, carry: Callable[[], object], on_failure: Callable[[], None]) -> None:
        self._carry = carry
        self._on_failure = on_failure
        self._error: Exception | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="drain", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        if self._error is not None and error is None:
            raise self._error

    def _work(self) -> None:
        while not self._ended.wait(_PERIOD_S):
            try:
                self._carry()
            except Exception as error:  # the boundary of the thread: raised again where it is joined
                self._error = error
                self._on_failure()
                return
