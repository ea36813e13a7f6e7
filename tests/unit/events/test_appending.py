"""Facts from outside of a run: in the log, whoever holds it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from mlgym_core.errors import StoreError
from mlgym_core.events.appending import append_facts
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.lock import liveness
from mlgym_core.events.log import LogWriter
from mlgym_core.events.log_reader import LogReader
from mlgym_core.events.merge import Merger
from mlgym_core.events.spool import Spool
from mlgym_core.events.types import Payload
from mlgym_core.events.verify import verify_chain

Make = Callable[..., Payload]


def batches(run: RunFolder) -> list[int]:
    return [json.loads(line)["payload"]["current_batch"] for line in LogReader(run).poll()]


@contextmanager
def merging(run: RunFolder) -> Iterator[None]:
    """Another holder of the log, which merges all the time."""
    writer = LogWriter(run)
    merger = Merger(writer, run)
    done = threading.Event()

    def merge() -> None:
        while not done.wait(0.01):
            merger.merge_once()

    thread = threading.Thread(target=merge)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        writer.close()


def test_where_nobody_writes_the_log_the_facts_are_in_it_at_once(run: RunFolder, progress: Make) -> None:
    assert append_facts(run, [progress(0), progress(1)]) == 1
    assert append_facts(run, [progress(2)]) == 2
    assert batches(run) == [0, 1, 2]
    assert liveness(run) == "lost"
    assert not run.spools_path.exists()


def test_spools_left_behind_come_along(run: RunFolder, progress: Make) -> None:
    left = Spool(run)
    left.publish(progress(0))
    left.close()
    assert append_facts(run, [progress(1)]) == 1
    assert batches(run) == [0, 1]


def test_the_holder_of_the_log_takes_the_facts_up(run: RunFolder, progress: Make) -> None:
    append_facts(run, [progress(0)])
    with merging(run):
        assert append_facts(run, [progress(1), progress(2)], patience_s=60) == 2
    assert batches(run) == [0, 1, 2]


def test_many_at_once_all_come_into_the_log_once(run: RunFolder, progress: Make) -> None:
    found: list[int] = []

    def add(which: int) -> None:
        found.append(append_facts(run, [progress(which)], patience_s=60))

    threads = [threading.Thread(target=add, args=(which,)) for which in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(8))
    assert sorted(batches(run)) == list(range(8))
    assert verify_chain(run.log_path).num_lines == 8


def test_a_holder_that_does_not_take_the_facts_is_told_of_and_they_wait(run: RunFolder, progress: Make) -> None:
    writer = LogWriter(run)
    with pytest.raises(StoreError, match="not taken this up") as caught:
        append_facts(run, [progress(0)], patience_s=0.1)
    assert caught.value.code == "MG404"
    Merger(writer, run).merge_once()
    writer.close()
    assert batches(run) == [0]


def test_a_damaged_log_refuses_and_nothing_waits(run: RunFolder, progress: Make) -> None:
    append_facts(run, [progress(0)])
    run.log_path.write_bytes(b"{}\n" + run.log_path.read_bytes())
    with pytest.raises(StoreError, match="damaged at line 0"):
        append_facts(run, [progress(1)])
    assert list(run.spools_path.iterdir()) == []
