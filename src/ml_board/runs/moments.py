"""A run as it was: the fold of its first events, kept for whoever goes on from there.

Owns that one fold. It must not know what is told of it, nor of the live one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mlgym_core.events.folder import RunFolder
from mlgym_core.events.log_reader import LogReader
from mlgym_core.events.projections.run_fold import RunFold
from mlgym_core.events.snapshots import MARK_EVERY, fold_on, open_fold


class Moments:
    """The past moments of one run; any thread may ask, one at a time is answered."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._held: tuple[RunFold, LogReader] | None = None

    @contextmanager
    def opened(self, num_events: int) -> Iterator[RunFold]:
        """The fold of the first `num_events`, not to be used later. Raises StoreError as `open_fold` does."""
        with self._lock:
            held, self._held = self._held, None  # a fold whose reading fails half-way is none
            mark = num_events // MARK_EVERY * MARK_EVERY
            # Who goes through a run mostly goes forward: the moment asked for last is where the next one begins.
            if held and mark <= held[0].state.num_events <= num_events:
                fold_on(*held, num_events)
            else:
                held = open_fold(self._folder, num_events - 1)
            self._held = held
            yield held[0]
