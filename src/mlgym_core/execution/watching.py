"""Looking at a run from the process that runs it: the same fold over the same log that anyone else sees.

Owns the way from the log's lines to whoever watches. It must not know what a watcher shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mlgym_core.events.codec import decode_event
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.projections.run_state import RunState
from mlgym_core.events.snapshots import FoldSnapshots
from mlgym_core.events.types import Event


class Watcher(Protocol):
    """Who wants to see a run from within; called by one thread at a time, and must return soon."""

    def begin(self, run: RunFolder, experiment_ids: Sequence[int], /) -> None:
        """The run's folder is there; these experiments are about to be trained, which may be some of its alone."""
        ...

    def see(self, events: Sequence[Event], state: RunState, /) -> None:
        """These events are new in the log; `state` is what is known after them and changes with the next call."""
        ...


class View:
    """The state of a run as its log tells it so far."""

    def __init__(self, run: RunFolder, watchers: Sequence[Watcher]) -> None:
        self._snapshots = FoldSnapshots(run)
        self.fold, self._reader = self._snapshots.open()
        self._watchers = watchers
        # What stands in the log of a run that goes on is no news.
        self._take_in()

    def look(self) -> None:
        """Takes in what is new in the log and shows it to the watchers."""
        events = self._take_in()
        if events:
            for watcher in self._watchers:
                watcher.see(events, self.fold.state)

    def _take_in(self) -> list[Event]:
        events = []
        for lines in self._snapshots.follow(self.fold, self._reader):
            for line in lines:
                event = decode_event(line)
                self.fold.apply(event, len(line) + 1)
                if event is not None:
                    events.append(event)
        return events
