"""Facts from outside of a run's own processes: notes, requests, deletions.

Owns who merges them: where nobody writes the log, whoever has something to say. It must not know what the facts mean.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from mlgym_core.errors import StoreError
from mlgym_core.events.codec import read_stamp
from mlgym_core.events.codes import LOCKED
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.log import LogWriter
from mlgym_core.events.log_reader import LogReader, reader_at
from mlgym_core.events.merge import Merger
from mlgym_core.events.spool import Spool
from mlgym_core.events.types import Payload

_PAUSE_S = 0.02


def append_facts(run: RunFolder, payloads: Sequence[Payload], patience_s: float = 5.0) -> int:
    """The `event_id` in the run's log of the last of `payloads`, all of which are in it, synced.

    They go through a spool of their own, which whoever writes the log merges; where nobody does, this call does it.

    Raises:
        StoreError: the log is damaged or cannot be written, and nothing was recorded. Or its writer did not take the
            facts within `patience_s` (LOCKED): they wait in the spool and come into the log later.
    """
    reader = reader_at(run)
    spool = Spool(run)
    try:
        for payload in payloads:
            spool.publish(payload)
        spool.close()
        num_pauses = round(patience_s / _PAUSE_S)  # no deadline: where the machine stood still, so did the log's writer
        while not _merge(run):
            event_id = _find(reader, spool.producer, len(payloads))
            if event_id is not None:
                return event_id
            if num_pauses == 0:
                raise _not_taken(run)
            num_pauses -= 1
            time.sleep(_PAUSE_S)
    except StoreError as error:
        spool.close()
        if error.code != LOCKED:
            spool.path.unlink(missing_ok=True)
        raise
    event_id = _find(reader, spool.producer, len(payloads))
    if event_id is None:
        raise _not_taken(run)
    return event_id


def _merge(run: RunFolder) -> bool:
    """Whether this process could take the log and merge all spools."""
    try:
        writer = LogWriter(run, patience_s=0)
    except StoreError as error:
        if error.code == LOCKED:
            return False
        raise
    try:
        Merger(writer, run).merge_rest()
    finally:
        writer.close()
    return True


def _find(reader: LogReader, producer: str, seq: int) -> int | None:
    first = reader.next_event_id
    for event_id, line in enumerate(reader.poll(), first):
        stamp = read_stamp(line)
        if stamp is not None and (stamp.producer, stamp.seq) == (producer, seq):
            return event_id
    return None


def _not_taken(run: RunFolder) -> StoreError:
    return StoreError(
        f"the process that writes run {run.run_id} has not taken this up yet",
        code=LOCKED,
        hint="it comes into the log once that process does, or has ended",
    )
