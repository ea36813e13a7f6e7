"""Version 2 of the socket: a log's lines in batches, as they stand in the file, one on its way at a time.

Owns what an answer means for what is sent next. Knows not how a connection comes about, nor when one is tried again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from mlgym_core.events.log_reader import LogReader
from mlgym_core.publish.background import Background
from mlgym_core.publish.backoff import LONGEST_S, SHORTEST_S
from mlgym_core.publish.connection import BrokenError, Connection, RefusedError, wait_for
from mlgym_core.publish.progress import Progress, seqs_of

_LOG = logging.getLogger(__name__)
HELLO_S = 3.0
"""How long a server may take to answer `hello`; one that knows the word not says nothing at all."""
ACKNOWLEDGEMENT_S = 10.0
_LOOK_EVERY_S = 0.1
_LARGEST_BYTES = 2**20
_SMALLEST_BYTES = 2**14
_MOST_PRODUCERS = 5_000
"""How many producers the server is asked for; of others it tells that it has their events when they come again."""


class Batches:
    """Sends what lies behind `progress`, up to the event `num_ready`, over one connection after the other."""

    def __init__(self, url: str, progress: Progress, background: Background, num_ready: Callable[[], int]) -> None:
        self.obstacle: str | None = None
        self._url = url
        self._progress = progress
        self._background = background
        self._num_ready = num_ready
        self._max_bytes = _LARGEST_BYTES
        self._limit = _LARGEST_BYTES

    def greet(self, connection: Connection) -> Mapping[str, Any] | None:
        """What the server says to `hello`; None where it says nothing.

        Raises:
            BrokenError: the connection broke.
            RefusedError: the server does not take this run from here.
        """
        producers = self._progress.producers[-_MOST_PRODUCERS:] or list(
            seqs_of(LogReader(self._progress.run).poll_slice(1).data)
        )
        asked = connection.ask(
            "hello",
            {
                "v": 2,
                "producer": next(iter(producers), "nobody"),
                "grid_search_id": self._progress.run.run_id,
                "producers": producers,
            },
        )
        try:
            answer = asked.result(HELLO_S)
        except TimeoutError:
            return None
        if not isinstance(answer, dict):
            raise BrokenError(f"an answer to `hello` that makes no sense: {answer!r:.200}")
        if answer.get("err"):
            raise _as_error(answer)
        return answer

    def send(self, connection: Connection, greeting: Mapping[str, Any]) -> None:
        """Sends, until it is closed.

        Raises:
            BrokenError: the connection broke, or the server has to be asked anew how far it is.
            RefusedError: the server takes no more of this run from here.
            StoreError: the log cannot be read.
        """
        self._limit = min(_LARGEST_BYTES, int(greeting.get("max_batch_bytes") or _LARGEST_BYTES))
        self._max_bytes = min(self._max_bytes, self._limit)
        reader = LogReader(self._progress.run, self._progress.position)
        data = b""
        while not self._background.closed:
            data = data or self._read(reader)
            chosen = self._progress.select(data)
            if not data:
                self._background.pause(_LOOK_EVERY_S)
            elif not chosen:
                self._advance(data)
                data = b""
            else:
                asked = connection.ask("batch", chosen)
                ahead = self._read(reader)
                if self._is_taken(wait_for(asked, ACKNOWLEDGEMENT_S), chosen):
                    self._advance(data)
                    data = ahead
                else:
                    reader = LogReader(self._progress.run, self._progress.position)
                    data = b""

    def shrink(self) -> None:
        """Makes batches smaller: on a slow line the last one may have been too much for the time it had."""
        self._max_bytes = max(_SMALLEST_BYTES, self._max_bytes // 2)

    def _read(self, reader: LogReader) -> bytes:
        return reader.poll_slice(self._max_bytes, self._num_ready()).data

    def _advance(self, data: bytes) -> None:
        with self._background.changed:
            self._progress.advance(data)
            self._background.changed.notify_all()

    def _is_taken(self, answer: Any, sent: bytes) -> bool:
        if not isinstance(answer, dict):
            raise BrokenError(f"an answer that makes no sense: {answer!r:.200}")
        why = answer.get("err")
        if not why:
            self._max_bytes = min(2 * self._max_bytes, self._limit)
            self.obstacle = None
            return True
        if why == "storage_full":
            self._wait_for_room(answer)
        elif why == "too_large" and sent.count(b"\n") > 1:
            self._max_bytes = self._limit = len(sent) // 2
        elif why in ("conflict", "fenced", "malformed", "too_large"):
            self._set_aside(answer, seqs_of(sent))
        else:
            raise _as_error(answer)
        return False

    def _wait_for_room(self, answer: Mapping[str, Any]) -> None:
        if self.obstacle is None:  # once, not at each try
            self.obstacle = str(answer.get("message") or answer["err"])
            _LOG.warning("%s: %s; trying again", self._url, self.obstacle)
        self._background.rest(min(max(float(answer.get("retry_after") or 1.0), SHORTEST_S), LONGEST_S))

    def _set_aside(self, answer: Mapping[str, Any], seqs: Mapping[str, int]) -> None:
        producer = next(iter(seqs)) if len(seqs) == 1 else answer.get("producer")
        if not isinstance(producer, str) or producer not in seqs:
            raise BrokenError(f"{answer['err']}: {answer.get('message', '')}")
        why = f"{answer['err']}: {answer.get('message', '')}"
        _LOG.error("%s does not take the events of %s any more: %s; they are kept here", self._url, producer, why)
        with self._background.changed:
            self._progress.refuse(producer, why)


def _as_error(answer: Mapping[str, Any]) -> BrokenError | RefusedError:
    kind = RefusedError if answer["err"] in ("unauthorized", "read_only") else BrokenError
    words = [str(answer[key]) for key in ("message", "hint") if answer.get(key)]
    return kind("; ".join(words) or str(answer["err"]))
