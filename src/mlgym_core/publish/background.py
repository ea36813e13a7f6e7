"""A thread that works beside training: how it is woken, how it waits, how it ends.

Owns nothing but the thread. Knows neither servers nor files.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable


class Background(ABC):
    """What has a thread of its own from `start` to `close`, for `_work`, which returns soon after `closed` is set.

    `changed` guards what the thread shares with others, and tells them that it changed.
    """

    def __init__(self, name: str) -> None:
        self.changed = threading.Condition()
        self.closed = False
        self._has_news = False
        self._hurried = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def notify(self) -> None:
        """Says that there is more to do."""
        with self.changed:
            self._has_news = True
            self.changed.notify_all()

    def hurry(self) -> None:
        """Ends a rest before a next try."""
        with self.changed:
            self._has_news = self._hurried = True
            self.changed.notify_all()

    def pause(self, seconds: float) -> None:
        """Waits until there is more to do, for at most `seconds`."""
        with self.changed:
            self.changed.wait_for(lambda: self.closed or self._has_news, seconds)
            self._has_news = False

    def rest(self, seconds: float) -> None:
        """Waits before a next try, whatever there is to do, but for no longer than somebody waits who hurries it."""
        with self.changed:
            self.changed.wait_for(lambda: self.closed or self._hurried, seconds)
            self._hurried = False

    def wait_until(self, condition: Callable[[], bool], deadline: float) -> bool:
        """Whether `condition` comes true before `deadline` on the monotonic clock; for other threads."""
        with self.changed:
            return self.changed.wait_for(condition, max(0.0, deadline - time.monotonic()))

    def close(self, patience_s: float) -> None:
        """Ends the thread; waits at most `patience_s` for one that hangs."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(patience_s)

    @abstractmethod
    def _work(self) -> None: ...
