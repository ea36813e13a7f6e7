"""The log: its chain, its group commit, and whose events it takes."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from typing import TypeAlias

import pytest

from mlgym_core.errors import StoreError
from mlgym_core.events.codec import NO_LINE_BEFORE, digest, encode_event, encode_foreign, read_stamp
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.lock import liveness
from mlgym_core.events.log import LogWriter, SliceError
from mlgym_core.events.log_reader import LogReader
from mlgym_core.events.types import Payload
from mlgym_core.events.verify import verify_chain

Write: TypeAlias = Callable[[RunFolder, str, list[bytes]], None]
"""Writes lines of a producer into a log and closes it."""


def batches(lines: list[bytes]) -> list[int]:
    return [json.loads(line)["payload"]["current_batch"] for line in lines]


def test_each_line_is_chained_to_the_one_before_and_names_its_producer(run: RunFolder, lines: list[bytes]) -> None:
    writer = LogWriter(run)
    assert writer.append("a", 1, lines[:2]) == 2
    assert writer.append("b", 1, lines[2:3]) == 3
    assert writer.commit() == LogReader(run).poll()
    assert writer.append("a", 3, lines[3:4]) == 4
    writer.commit()
    stored = run.log_path.read_bytes().split(b"\n")
    assert stored.pop() == b""
    prev = NO_LINE_BEFORE
    for line, expected in zip(stored, [("a", 1), ("a", 2), ("b", 1), ("a", 3)], strict=True):
        assert list(json.loads(line)) == ["event_type", "creation_ts", "payload", "x"]
        stamp = read_stamp(line)
        assert stamp is not None
        assert (stamp.producer, stamp.seq, stamp.prev) == (*expected, prev)
        prev = digest(line)
    assert writer.head == prev
    assert writer.num_events == 4


def test_only_what_is_committed_is_in_the_file(run: RunFolder, lines: list[bytes]) -> None:
    writer = LogWriter(run)
    writer.append("a", 1, lines)
    assert LogReader(run).poll() == []
    assert writer.num_events == 0
    assert writer.last_seq("a") == 6
    writer.close()
    writer = LogWriter(run)
    assert writer.last_seq("a") == 0
    assert writer.commit() == []
    writer.close()


def test_one_commit_is_one_sync_however_many_events(run: RunFolder, lines: list[bytes]) -> None:
    synced = []
    writer = LogWriter(run, sync=lambda fd: synced.append(os.fsync(fd)))
    writer.append("a", 1, lines)
    writer.append("b", 1, lines)
    writer.commit()
    writer.commit()
    assert len(synced) == 1


@pytest.mark.parametrize(("first_seq", "num_lines"), [(1, 6), (1, 4), (1, 2), (3, 1), (4, 1), (5, 1)])
def test_events_that_are_there_are_skipped(run: RunFolder, lines: list[bytes], first_seq: int, num_lines: int) -> None:
    writer = LogWriter(run)
    writer.append("a", 1, lines[:4])
    end = writer.append("a", first_seq, lines[first_seq - 1 :][:num_lines])
    writer.commit()
    known = max(4, first_seq + num_lines - 1)
    assert end == known
    assert batches(LogReader(run).poll()) == list(range(known))
    assert writer.last_seq("a") == known


def test_a_gap_is_refused_and_names_the_event_to_go_on_with(run: RunFolder, lines: list[bytes]) -> None:
    writer = LogWriter(run)
    writer.append("a", 1, lines[:2])
    with pytest.raises(StoreError, match="go on at event 3") as caught:
        writer.append("a", 4, lines[3:])
    assert caught.value.code == "MG406"
    with pytest.raises(StoreError):
        writer.append("b", 2, lines)
    assert writer.append("a", 3, lines[2:]) == 6


@pytest.mark.parametrize("is_committed", [True, False])
@pytest.mark.parametrize("is_new_writer", [True, False])
def test_other_content_under_a_number_that_is_taken_is_a_conflict(
    run: RunFolder, lines: list[bytes], is_committed: bool, is_new_writer: bool
) -> None:
    writer = LogWriter(run)
    writer.append("a", 1, lines[:2])
    writer.append("b", 1, lines[4:])
    writer.append("a", 3, lines[2:4])
    if is_committed:
        writer.commit()
        if is_new_writer:
            writer.close()
            writer = LogWriter(run)
    for seq in range(1, 5):
        with pytest.raises(StoreError, match=f"event {seq} of a is in the log") as caught:
            writer.append("a", seq, [lines[5]])
        assert caught.value.code == "MG413"
    assert writer.append("a", 1, lines[:4]) == 6
    writer.commit()
    assert batches(LogReader(run).poll()) == [0, 1, 4, 5, 2, 3]


def test_a_duplicate_is_found_in_a_long_log(run: RunFolder, progress: Callable[..., Payload]) -> None:
    lines = [encode_event(progress(batch)) for batch in range(6_000)]
    writer = LogWriter(run)
    for first in range(0, len(lines), 600):
        writer.append("a", first + 1, lines[first : first + 600])
        writer.append("b", first + 1, lines[first : first + 600])
        writer.commit()
    for fresh in (False, True):
        if fresh:
            writer.close()
            writer = LogWriter(run)
        for seq in (1, 2, 599, 601, 5_999, 3_000):
            assert writer.append("b", seq, [lines[seq - 1]]) == 12_000
            with pytest.raises(StoreError, match=f"event {seq} of b"):
                writer.append("b", seq, [lines[seq]])
        assert writer.append("a", 1, lines) == 12_000


def test_several_slices_are_appended_all_or_none(run: RunFolder, lines: list[bytes]) -> None:
    writer = LogWriter(run)
    writer.append("a", 1, lines[:1])
    with pytest.raises(SliceError, match="go on at event 1") as caught:
        writer.append_all([("a", 2, lines[1:3]), ("b", 2, lines[3:])])
    assert pickle.loads(pickle.dumps(caught.value)).producer == "b"
    assert (writer.last_seq("a"), writer.last_seq("b")) == (1, 0)
    assert writer.append_all([("a", 2, lines[1:3]), ("b", 1, lines[3:])]) == 6
    writer.commit()
    assert batches(LogReader(run).poll()) == list(range(6))
    assert verify_chain(run.log_path).last_seqs == {"a": 3, "b": 3}


def test_an_attempt_that_a_newer_one_has_replaced_is_fenced(
    run: RunFolder, lines: list[bytes], attempt: Callable[[int, int], bytes]
) -> None:
    writer = LogWriter(run)
    old = [attempt(0, 1), lines[0]]
    writer.append("old", 1, old)
    writer.append("other", 1, [attempt(1, 1)])
    writer.append("new", 1, [attempt(0, 2), lines[1]])
    for fresh in (False, True):
        writer.commit()
        if fresh:
            writer.close()
            writer = LogWriter(run)
        with pytest.raises(StoreError, match="newer attempt") as caught:
            writer.append("old", 3, lines[2:])
        assert caught.value.code == "MG414"
        assert writer.append("old", 1, old) == writer.num_events
    assert writer.append("other", 2, lines[2:3]) == 6
    assert writer.append("new", 3, lines[3:4]) == 7


def test_of_two_attempts_of_one_number_the_one_that_came_first_is_live(
    run: RunFolder, lines: list[bytes], attempt: Callable[[int, int], bytes]
) -> None:
    writer = LogWriter(run)
    writer.append("first", 1, [attempt(0, 1)])
    with pytest.raises(StoreError, match="newer attempt"):
        writer.append("cut-off", 1, [attempt(0, 1)])
    writer.append("first", 2, [lines[0]])
    writer.commit()
    assert writer.last_seq("cut-off") == 0
    writer.close()


def test_an_attempt_that_comes_late_does_not_fence_the_one_that_replaced_it(
    run: RunFolder, lines: list[bytes], attempt: Callable[[int, int], bytes]
) -> None:
    writer = LogWriter(run)
    writer.append("new", 1, [attempt(0, 2)])
    with pytest.raises(StoreError, match="newer attempt"):
        writer.append("old", 1, [lines[0], attempt(0, 1)])
    assert writer.last_seq("old") == 0
    assert writer.append("new", 2, lines) == 7


def test_a_start_that_was_not_committed_fences_nobody(
    run: RunFolder, lines: list[bytes], attempt: Callable[[int, int], bytes]
) -> None:
    writer = LogWriter(run)
    writer.append("old", 1, [attempt(0, 1)])
    writer.commit()
    with pytest.raises(StoreError, match="go on at"):
        writer.append_all([("new", 1, [attempt(0, 2)]), ("c", 5, lines)])
    assert writer.append("old", 2, lines) == 7


def test_a_producer_that_is_no_name_is_refused(run: RunFolder, lines: list[bytes]) -> None:
    with pytest.raises(StoreError):
        LogWriter(run).append('a","seq":1}}', 1, lines)


def test_a_log_has_one_writer(run: RunFolder) -> None:
    writer = LogWriter(run)
    assert liveness(run) == "alive"
    with pytest.raises(StoreError, match="another process"):
        LogWriter(run)
    writer.close()
    writer.close()
    assert liveness(run) == "lost"
    with pytest.raises(StoreError, match="closed"):
        writer.append("a", 1, [])


def test_a_new_writer_goes_on_where_the_last_ended(run: RunFolder, lines: list[bytes], write: Write) -> None:
    write(run, "a", lines[:3])
    write(run, "b", lines[:1])
    writer = LogWriter(run)
    assert (writer.last_seq("a"), writer.last_seq("b"), writer.last_seq("c")) == (3, 1, 0)
    assert writer.append("a", 1, lines) == 7
    writer.commit()
    assert verify_chain(run.log_path).last_seqs == {"a": 6, "b": 1}


def test_the_end_of_a_log_of_many_is_found_whoever_wrote_between(
    run: RunFolder, lines: list[bytes], write: Write
) -> None:
    for producer, first in (("a", 0), ("b", 2), ("a", 3), ("b", 5)):
        write(run, producer, lines[first : first + 2])
        with run.log_path.open("ab") as log:
            log.write(lines[0] + b"\n")
    end = verify_chain(run.log_path)
    assert end.last_seqs == {"a": 4, "b": 3}
    assert (end.num_lines, end.size_bytes) == (11, run.log_path.stat().st_size)


def test_a_log_of_another_program_goes_on(run: RunFolder, lines: list[bytes], write: Write) -> None:
    run.path.mkdir(parents=True)
    run.log_path.write_bytes(b"\n".join(lines[:3]) + b"\n")
    write(run, "a", lines[3:])
    assert batches(LogReader(run).poll()) == list(range(6))
    assert verify_chain(run.log_path).last_seqs == {"a": 3}


def test_events_of_clients_that_do_not_count_are_counted_by_the_log(run: RunFolder) -> None:
    event = {"event_type": "job_scheduled", "creation_ts": 1, "payload": {"grid_search_id": run.run_id, "n": 0.5}}
    writer = LogWriter(run)
    for connection in ("a", "b", "a"):
        producer = f"v1-{connection}"
        _, line = encode_foreign(event)
        writer.append(producer, writer.last_seq(producer) + 1, [line])
        writer.commit()
    assert verify_chain(run.log_path).last_seqs == {"v1-a": 2, "v1-b": 1}
    assert [json.loads(line)["payload"] for line in LogReader(run).poll()] == [event["payload"]] * 3
