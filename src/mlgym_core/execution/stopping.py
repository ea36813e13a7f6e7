"""A request to end a run, and the signals that make it.

Owns how often somebody asked; knows nothing of who has to obey.
"""

from __future__ import annotations

import os
import signal
import threading
import uuid
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

FAIL_FAST = "--fail-fast"
"""Who asks for the end of a run one of whose experiments has failed."""


class StopNow(BaseException):
    """Raised into training in this process when somebody asked for the second time; no `except Exception` holds it."""


class Stop:
    """Asked once, a run ends after the running epochs with their checkpoints; asked again, at once.

    It can be waited for together with pipes: `fileno()` is ready after each request until `clear()`. What trains in
    this process sets `at_second`, which is called where the second request is made, and may raise.
    """

    def __init__(self) -> None:
        self.count = 0
        self.by = ""
        self.request = ""
        self.at_second: Callable[[], None] | None = None
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)

    def ask(self, by: str) -> None:
        """Asks once more; safe in a signal handler."""
        self.count += 1
        self.by = by
        self.request = uuid.uuid4().hex
        os.write(self._writer, b"!")
        if self.at_once and self.at_second is not None:
            self.at_second()

    @property
    def asked(self) -> bool:
        """Whether it was asked at all."""
        return self.count > 0

    @property
    def at_once(self) -> bool:
        """Whether it was asked again."""
        return self.count > 1

    def fileno(self) -> int:
        """What `select` and its kind take."""
        return self._reader

    def ask_gently(self, by: str) -> None:
        """Asks unless it was asked before, so that the request never turns into one to end at once."""
        if not self.asked:
            self.ask(by)

    def clear(self) -> bool:
        """Whether it was asked anew since the last call; until it is again, `fileno()` is not ready."""
        try:
            return bool(os.read(self._reader, 64))
        except BlockingIOError:
            return False

    def close(self) -> None:
        """Gives back its pipe."""
        os.close(self._reader)
        os.close(self._writer)


class StopSignals:
    """While entered, SIGINT and SIGTERM ask `stop`; outside of the main thread it does nothing."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._previous: dict[signal.Signals, Callable[[int, FrameType | None], Any] | int | None] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for each in (signal.SIGINT, signal.SIGTERM):
                self._previous[each] = signal.signal(each, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for each, handler in self._previous.items():
            signal.signal(each, handler)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        self._stop.ask(signal.Signals(number).name)
