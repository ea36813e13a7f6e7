"""How long to wait before a server is tried again."""

from __future__ import annotations

import random

SHORTEST_S = 0.1
LONGEST_S = 30.0


class Backoff:
    """Pauses that double from 0.1 s to 30 s, each with a random part, so that clients do not come back all at once."""

    def __init__(self) -> None:
        self._next = SHORTEST_S

    def pause(self) -> float:
        """Seconds to wait now."""
        pause, self._next = self._next, min(2 * self._next, LONGEST_S)
        return random.uniform(pause / 2, pause)

    def reset(self) -> None:
        """Begins anew, after a success."""
        self._next = SHORTEST_S
