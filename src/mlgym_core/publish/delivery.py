"""One server, and the events that it has not acknowledged yet.

Owns the thread that sends, and when a server is tried again. Knows no file of a run but its log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from mlgym_core.events.folder import RunFolder
from mlgym_core.publish.background import Background
from mlgym_core.publish.backoff import LONGEST_S, Backoff
from mlgym_core.publish.batches import Batches
from mlgym_core.publish.connection import BrokenError, Connection, RefusedError
from mlgym_core.publish.progress import Progress
from mlgym_core.publish.singles import send_singly

_LOG = logging.getLogger(__name__)
_LOOK_EVERY_S = 1.0


class Delivery(Background):
    """Sends the log of `run` to `url` in a thread of its own, in order, until it is closed.

    `num_ready` says how many events may be sent by now; `fell_back` is told where a server has lost what it had.
    """

    def __init__(
        self,
        run: RunFolder,
        url: str,
        token: str | None,
        num_acknowledged: int,
        num_ready: Callable[[], int],
        fell_back: Callable[[int], None],
    ) -> None:
        super().__init__(f"delivery to {url}")
        self.url = url
        self._obstacle: str | None = None
        self._told = ""
        self._token = token
        self._fell_back = fell_back
        self._num_ready = num_ready
        self._progress = Progress(run, num_acknowledged)
        self._batches = Batches(url, self._progress, self, num_ready)
        self._connection: Connection | None = None
        self._is_known = False
        self._is_looked_up = False
        self._speaks_batches = False
        self._is_refused = False

    @property
    def obstacle(self) -> str | None:
        """What keeps the server from getting more, if anything."""
        return self._obstacle or self._batches.obstacle

    @property
    def num_acknowledged(self) -> int:
        """How many events the server has acknowledged, to this process or in answer to its question."""
        return self._progress.num_acknowledged if self._is_known else 0

    @property
    def num_told(self) -> int:
        """As `num_acknowledged`, with those that the server does not take."""
        return self._progress.position.num_lines if self._is_known else 0

    @property
    def num_to_remember(self) -> int:
        """As `num_acknowledged`; what an earlier process knew where the server has not been asked yet."""
        return self._progress.num_acknowledged

    @property
    def num_bytes(self) -> int:
        """The size of what lies before the place that the server has got to."""
        return self._progress.position.size_bytes

    @property
    def set_aside(self) -> Mapping[str, str]:
        """The producers whose further events the server does not take, and why."""
        return dict(self._progress.set_aside)

    def hurry(self) -> None:
        """Tries again at once where it waits before the next try."""
        self._is_refused = False
        super().hurry()

    def has_sent(self, num_events: int) -> bool:
        """Whether the server has the first `num_events`, but for what it does not take."""
        return num_events == 0 or (self._is_known and self._progress.position.num_lines >= num_events)

    def is_over(self, num_events: int) -> bool:
        """Whether it has sent `num_events`, or waiting would help nothing because the server refused."""
        return self._is_refused or self.has_sent(num_events)

    def wait_for(self, num_events: int, deadline: float) -> bool:
        """Whether `has_sent` came true before `deadline` on the monotonic clock; returns where `is_over` does."""
        self.wait_until(lambda: self.is_over(num_events), deadline)
        return self.has_sent(num_events)

    def close(self, patience_s: float) -> None:
        """Ends the thread and its connection; waits at most `patience_s` for one that hangs."""
        with self.changed:
            self.closed = True
            connection = self._connection
        if connection:
            connection.give_up()
        super().close(patience_s)

    def _work(self) -> None:
        backoff = Backoff()
        while self._num_ready() == 0 and not self.closed:
            self.pause(_LOOK_EVERY_S)
        while not self.closed:
            before = self._progress.position.num_lines
            try:
                self._connect_and_send()
            except RefusedError as refusal:
                self._tell(str(refusal))
                self._give_in()
                self.rest(LONGEST_S)
                continue
            except Exception as error:
                # The boundary to another process, whose answers may be anything: whatever it is, it is tried again.
                self._tell(str(error) or type(error).__name__)
            if self._progress.position.num_lines > before:
                backoff.reset()
                self._told = ""
            self.rest(backoff.pause())

    def _give_in(self) -> None:
        with self.changed:
            self._is_refused = True
            self.changed.notify_all()

    def _tell(self, reason: str) -> None:
        if self.closed:
            return
        if reason != self._told:  # a server that is away for hours is one line, not thousands
            message = "%s: %s; %d events acknowledged, trying again"
            _LOG.warning(message, self.url, reason, self.num_acknowledged)
        self._obstacle = self._told = reason

    def _connect_and_send(self) -> None:
        if not self._is_looked_up:
            self._progress.look_up()
            self._is_looked_up = True
        with closing(Connection(self.url, self._token)) as connection:
            with self.changed:
                self._connection = connection
            if self.closed:
                return
            greeting = self._batches.greet(connection)
            self._obstacle, self._is_refused = None, False
            if greeting is not None:
                self._speaks_batches = True
                self._send_batches(connection, greeting)
            elif self._speaks_batches:
                raise BrokenError("no answer to `hello`")
            else:
                self._note_place()
                send_singly(connection, self._progress, self, self._num_ready)

    def _note_place(self) -> None:
        with self.changed:
            self._is_known = True
            self.changed.notify_all()

    def _send_batches(self, connection: Connection, greeting: Mapping[str, Any]) -> None:
        last_seqs = greeting.get("last_seqs")
        has_fallen_back = self._progress.hear(last_seqs if isinstance(last_seqs, dict) else {})
        self._note_place()
        if has_fallen_back:
            self._fell_back(self._progress.position.num_lines)
        try:
            self._batches.send(connection, greeting)
        except BrokenError:
            self._batches.shrink()
            raise
