"""One connection: who it is, what it publishes, and what it is sent.

Owns how long a token that was shown counts. Knows no Socket.IO.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ml_board.access.auth import Identity, Right
from ml_board.socket.publishing import Publishing
from ml_board.socket.subscribing import Subscribing

_ADMITTED_FOR_S = 60.0


class Connection:
    """A client that was let in; `admit` says who it is, or raises AuthError, and is asked again now and then."""

    def __init__(self, admit: Callable[[], Identity], publishing: Publishing, subscribing: Subscribing) -> None:
        self.publishing = publishing
        self.subscribing = subscribing
        self._admit = admit
        self._identity = admit()
        self._admitted_until = time.monotonic() + _ADMITTED_FOR_S

    def check(self, right: Right | None) -> None:
        """Raises AuthError where the client does not have `right`, or its token has expired."""
        if time.monotonic() > self._admitted_until:
            self._identity = self._admit()
            self._admitted_until = time.monotonic() + _ADMITTED_FOR_S
        if right is not None:
            self._identity.check(right)

    def end(self) -> None:
        """Ends what the client began."""
        self.publishing.end()
        self.subscribing.end()
