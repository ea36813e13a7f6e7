"""When a run's log has news: looked up ten times a second while somebody waits, told at once by who writes here.

Owns the waiting. Knows neither what the news are nor who they are for.
"""

from __future__ import annotations

import asyncio

from mlgym_core.events.folder import RunFolder
from mlgym_core.events.lock import Liveness, liveness

LOOK_EVERY_S = 0.1


class Tail:
    """The pulse of one run. `beat` counts what was seen to change: the log's size, and whether the run lives."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._seen: tuple[int, Liveness] | None = None
        self._next = asyncio.Event()
        self._num_waiting = 0
        self._task: asyncio.Task[None] | None = None
        self.beat = 0

    def tell(self) -> None:
        """Says that the log has news."""
        self.beat += 1
        self._next.set()
        self._next = asyncio.Event()

    async def wait(self, beat: int) -> None:
        """Returns once there are news that `beat` does not count."""
        while self.beat == beat:
            self._num_waiting += 1
            if self._task is None:
                self._task = asyncio.create_task(self._look())
            try:
                await self._next.wait()
            finally:
                self._num_waiting -= 1

    async def _look(self) -> None:
        while self._num_waiting:
            seen = _size(self._folder), liveness(self._folder)
            if seen != self._seen:
                self._seen = seen
                self.tell()
            await asyncio.sleep(LOOK_EVERY_S)
        self._task = None


def _size(folder: RunFolder) -> int:
    try:
        return folder.log_path.stat().st_size
    except FileNotFoundError:
        return 0
