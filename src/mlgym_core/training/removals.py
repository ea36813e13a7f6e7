"""Checkpoints that are to go, and when.

Owns that one goes with the next that is saved, or alone where none is for a while: a disk takes both together for less
than one after the other. Which ones go is said by others.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from time import monotonic

from mlgym_core.checkpoints.answers import Answer
from mlgym_core.checkpoints.protocols import Moment

_WAIT_S = 1.0


class Removals:
    """What is to go, until `take` says that it goes with something else or `begin` has it removed by `delete`."""

    def __init__(self, delete: Callable[[Moment], Answer[None]]) -> None:
        self._delete = delete
        self._waiting: list[Moment] = []
        self._begun: list[Answer[None]] = []
        self.due = math.inf
        """When, by the monotonic clock, what is to go has waited long enough."""

    def add(self, moment: Moment) -> None:
        """It may go: all that comes before that in the log is told."""
        self._waiting.append(moment)
        self.due = min(self.due, monotonic() + _WAIT_S)

    def take(self) -> list[Moment]:
        """All that is to go; the caller sees to it."""
        taken, self._waiting, self.due = self._waiting, [], math.inf
        return taken

    def begin(self) -> None:
        """Remove what is to go; nobody waits for that. Raises what an earlier removal failed with."""
        self._settle()
        self._begun = [self._delete(each) for each in self.take()]

    def finish(self) -> None:
        """Remove what is to go, and wait for that. Raises what a removal failed with."""
        self.begin()
        self._settle()

    def _settle(self) -> None:
        for each in self._begun:
            each.result()
