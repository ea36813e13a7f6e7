"""The files that events speak of, brought to a server before the event is sent, and deleted after.

Owns the thread that walks along a log, and which files wait. Knows no socket.
"""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Callable, Container, Iterator
from functools import partial

import requests

from mlgym_core.errors import StoreError
from mlgym_core.events.checkpoint_files import folder_of
from mlgym_core.events.codec import decode_event, read_stamp
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.log_reader import LogReader
from mlgym_core.events.types import AttemptStarted, CheckpointDeleted, CheckpointSaved, Payload
from mlgym_core.publish.background import Background
from mlgym_core.publish.backoff import LONGEST_S, Backoff
from mlgym_core.publish.endpoint import UNAUTHORIZED, Endpoint

_LOG = logging.getLogger(__name__)
_CHUNK_BYTES = 2**20
_LOOK_EVERY_S = 1.0
_LOOK_FOR_ACKNOWLEDGEMENT_S = 0.1
_SPEAKS_OF_FILES = re.compile(
    rb'\n(\{"event_type":"(?:run_started|experiment_config|attempt_started|checkpoint_saved|checkpoint_deleted)"[^\n]*)'
)


class Uploads(Background):
    """Walks along the log of `run` in a thread of its own and brings what the events speak of, until it is closed.

    `num_events` says how many events are safe there, `num_told` how many of them the server has or does not take,
    `set_aside` whose further events, and so files, it does not; `advanced` is called when the files of more events are
    there.
    """

    def __init__(
        self,
        run: RunFolder,
        endpoint: Endpoint,
        position: int,
        *,
        num_events: Callable[[], int],
        num_told: Callable[[], int],
        set_aside: Callable[[], Container[str]],
        advanced: Callable[[], None],
    ) -> None:
        super().__init__(f"uploads to {endpoint.url}")
        self._run = run
        self._endpoint = endpoint
        self._position = position
        self._num_events = num_events
        self._num_told = num_told
        self._set_aside = set_aside
        self._advanced = advanced
        self._to_delete: deque[tuple[int, str, CheckpointDeleted]] = deque()
        self._starts: dict[str, int] = {}
        self._begins_anew = True
        self.obstacle: str | None = None
        self.is_refused = False

    @property
    def url(self) -> str:
        """Where the files go."""
        return self._endpoint.url

    @property
    def position(self) -> int:
        """Of how many events, from the first on, the files are there."""
        return self._position

    @property
    def settled(self) -> int:
        """As `position`, but those before which nothing is to be deleted either."""
        try:
            return min(self._position, self._to_delete[0][0])
        except IndexError:
            return self._position

    def hurry(self) -> None:
        """Tries again at once where it waits before the next try."""
        self.is_refused = False
        super().hurry()

    def go_back(self, position: int) -> None:
        """Brings the files of all events from `position` on again: the server has lost what it had."""
        with self.changed:
            self._position = min(self.settled, position)
            self._begins_anew = True
        self.notify()

    def wait_for(self, num_events: int, deadline: float) -> bool:
        """Whether all is done for `num_events` before `deadline` on the monotonic clock."""
        return self.wait_until(lambda: self.settled >= num_events, deadline)

    def _work(self) -> None:
        backoff = Backoff()
        while not self.closed:
            try:
                self._walk()
            except StoreError as error:
                self._tell(str(error))
                self._begins_anew = True
                self.rest(backoff.pause())
        self._endpoint.close()

    def _walk(self) -> None:
        reader = LogReader(self._run)
        while not self.closed:
            if self._begins_anew:
                self._begins_anew = False
                self._to_delete.clear()
                reader = LogReader(self._run)
            self._delete_due()
            piece = reader.poll_slice(_CHUNK_BYTES, self._num_events())
            for event_id, producer, payload in _speaking_of_files(piece.first_event_id, piece.data):
                if isinstance(payload, AttemptStarted):
                    self._starts[producer] = event_id
                if event_id >= self._position:
                    self._advance(event_id)
                    self._bring(event_id, producer, payload)
            if piece.num_lines:
                self._advance(piece.first_event_id + piece.num_lines)
            else:
                self.pause(_LOOK_FOR_ACKNOWLEDGEMENT_S if self._to_delete else _LOOK_EVERY_S)

    def _advance(self, position: int) -> None:
        with self.changed:
            if self.closed or self._begins_anew or position <= self._position:
                return
            self._position = position
            self.changed.notify_all()
        self._advanced()

    def _bring(self, event_id: int, producer: str, payload: Payload) -> None:
        if isinstance(payload, CheckpointDeleted):
            self._to_delete.append((event_id, producer, payload))
            return
        if isinstance(payload, CheckpointSaved):
            while self._must_wait(producer, payload) and not self.closed and not self._begins_anew:
                self.pause(_LOOK_FOR_ACKNOWLEDGEMENT_S)
                self._delete_due()
        if producer not in self._set_aside():
            self._try(partial(self._endpoint.bring, payload, producer))

    def _must_wait(self, producer: str, saved: CheckpointSaved) -> bool:
        """Whether it would be deleted in the name of the one before, or could be overwritten by a stale attempt."""
        place = folder_of(self._run, saved)
        is_to_be_deleted = any(folder_of(self._run, each) == place for _, _, each in self._to_delete)
        return is_to_be_deleted or self._starts.get(producer, -1) >= self._num_told()

    def _delete_due(self) -> None:
        while self._to_delete and self._to_delete[0][0] < self._num_told() and not self.closed:
            _, producer, deleted = self._to_delete[0]
            if producer in self._set_aside() or self._try(partial(self._endpoint.delete, deleted, producer)):
                with self.changed:
                    self._to_delete.popleft()
                    self.changed.notify_all()

    def _try(self, request: Callable[[], None]) -> bool:
        backoff = Backoff()
        while not self.closed:
            try:
                request()
            except requests.RequestException as error:
                self._tell(_reason(error))
                self.is_refused = error.response is not None and error.response.status_code in UNAUTHORIZED
                self.rest(LONGEST_S if self.is_refused else backoff.pause())
            else:
                self.obstacle, self.is_refused = None, False
                return True
        return False

    def _tell(self, reason: str) -> None:
        if reason != self.obstacle:
            _LOG.warning("%s: %s; files wait, trying again", self._endpoint.url, reason)
        self.obstacle = reason


def _speaking_of_files(first_event_id: int, data: bytes) -> Iterator[tuple[int, str, Payload]]:
    """The events of whole lines that files belong to: their ids, whose they are, what they say."""
    event_id, counted = first_event_id, 0
    text = b"\n" + data
    for found in _SPEAKS_OF_FILES.finditer(text):
        event_id += text.count(b"\n", counted, found.start())
        counted = found.start()
        event, stamp = decode_event(found[1]), read_stamp(found[1])
        if event is not None and stamp is not None:
            yield event_id, stamp.producer, event.payload


def _reason(error: requests.RequestException) -> str:
    """What went wrong, without the request that urllib3 puts before it."""
    cause = error.args[0] if error.args else None
    return str(getattr(cause, "reason", None) or error) or type(error).__name__
