"""Who may not publish to a run any more, because a newer attempt of the same experiment began.

Owns what of a log tells of attempts. It only reads, and must not know what else an attempt does.
"""

from __future__ import annotations

import re
import threading

from mlgym_core.errors import StoreError
from mlgym_core.events.chain import load_chain
from mlgym_core.events.codec import ATTEMPT_HEAD, read_stamp
from mlgym_core.events.codes import FENCED, REWRITTEN
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.log_reader import LogReader

_CHUNK_BYTES = 4 * 2**20
_STARTS = re.compile(rb"\n(%b[^\n]*)" % re.escape(ATTEMPT_HEAD))


class Fence:
    """The attempts of a run that newer ones have replaced, looked up anew at each question; any thread may ask."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._begin()

    def check(self, producer: str, num_events: int | None = None) -> None:
        """Returns where `producer` is none of them, as far as the first `num_events` events tell, or all of them.

        Raises:
            StoreError: it is (FENCED), or the log cannot be read.
        """
        with self._lock:
            try:
                self._read_on(num_events)
            except StoreError as error:
                if error.code != REWRITTEN:
                    raise
                self._begin()
                self._read_on(num_events)
            is_stale = producer in self._end.stale
        if is_stale:
            raise fenced(self._run, producer)

    def _begin(self) -> None:
        self._end = load_chain(self._run)
        self._reader = LogReader(self._run, self._end.position)

    def _read_on(self, num_events: int | None) -> None:
        while data := self._reader.poll_slice(_CHUNK_BYTES, num_events).data:
            for found in _STARTS.finditer(b"\n" + data):
                stamp = read_stamp(found[1])
                if stamp is not None:
                    self._end.take_up(stamp.producer, found[1])


def fenced(run: RunFolder, producer: str) -> StoreError:
    """The error of an attempt that goes on although a newer one has replaced it."""
    return StoreError(
        f"a newer attempt has replaced the one that {producer} publishes for in run {run.run_id}",
        code=FENCED,
        hint="end that process; what it published since is not taken",
    )
