"""The log: its chain, its group commit and its recovery."""

from __future__ import annotations

import errno
import json
import os
import pickle
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlgym_core.errors import StoreError
from mlgym_core.events.codec import NO_LINE_BEFORE, digest, encode_event, encode_foreign, read_stamp
from mlgym_core.events.folder import EventStorage, RunFolder
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


def test_a_cut_at_any_byte_of_the_last_three_lines_loses_no_whole_line(
    run: RunFolder, lines: list[bytes], monkeypatch: pytest.MonkeyPatch, write: Write
) -> None:
    monkeypatch.setattr(os, "fsync", lambda fd: None)  # nothing here is lost with the machine
    lines = lines[:4]
    write(run, "a", lines)
    whole = run.log_path.read_bytes()
    ends = [at + 1 for at, byte in enumerate(whole) if byte == 0x0A]
    for cut in range(ends[-4], len(whole) + 1):
        run.log_path.write_bytes(whole[:cut])
        run.torn_path.unlink(missing_ok=True)
        num_whole = sum(end <= cut for end in ends)
        assert batches(LogReader(run).poll()) == list(range(num_whole))
        writer = LogWriter(run, sync=lambda fd: None)
        assert writer.last_seq("a") == writer.num_events == num_whole
        torn = whole[ends[num_whole - 1] : cut]
        assert run.torn_path.exists() == bool(torn)
        assert not torn or run.torn_path.read_bytes() == torn + b"\n"
        writer.append("a", 1, lines)
        writer.commit()
        writer.close()
        assert run.log_path.read_bytes() == whole


def test_torn_lines_are_kept_one_after_the_other(run: RunFolder, lines: list[bytes], write: Write) -> None:
    for torn in (b"first", b"second"):
        write(run, "a", lines[:1])
        with run.log_path.open("ab") as log:
            log.write(torn)
    LogWriter(run).close()
    assert run.torn_path.read_bytes() == b"first\nsecond\n"


@settings(max_examples=60)
@given(data=st.data())
def test_a_flipped_byte_is_found_and_makes_the_log_read_only(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory, progress: Callable[..., Payload], write: Write
) -> None:
    run = EventStorage(tmp_path_factory.mktemp("storage")).run("run")
    write(run, "a", [encode_event(progress(batch)) for batch in range(3)])
    whole = run.log_path.read_bytes()
    inner = whole.index(b"\n", whole.index(b"\n") + 1)
    at = data.draw(st.integers(0, inner))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != whole[at]))
    run.log_path.write_bytes(whole[:at] + bytes([byte]) + whole[at + 1 :])
    damaged = run.log_path.read_bytes()
    with pytest.raises(StoreError, match="damaged at line") as caught:
        LogWriter(run)
    assert caught.value.code == "MG405"
    assert run.log_path.read_bytes() == damaged
    assert liveness(run) == "lost"


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


def test_a_full_disk_cuts_back_to_the_last_commit_and_stays_readable(
    run: RunFolder, lines: list[bytes], small_files: Callable[[int], AbstractContextManager[None]]
) -> None:
    writer = LogWriter(run)
    writer.append("a", 1, lines[:3])
    writer.commit()
    size = run.log_path.stat().st_size
    writer.append("a", 4, lines[3:])
    with small_files(size + 500), pytest.raises(StoreError, match="cannot write") as caught:
        writer.commit()
    assert caught.value.code == "MG403"
    assert run.log_path.stat().st_size == size
    assert batches(LogReader(run).poll()) == [0, 1, 2]
    assert writer.last_seq("a") == 3
    writer.append("a", 4, lines[3:])
    writer.commit()
    assert verify_chain(run.log_path).num_lines == 6


def test_a_sync_that_fails_stops_the_writer_and_a_new_one_recovers(
    run: RunFolder, lines: list[bytes], write: Write
) -> None:
    failing = False

    def sync(fd: int) -> None:
        if failing:
            raise OSError(errno.EIO, "Input/output error")

    write(run, "a", lines[:1])
    writer = LogWriter(run, sync=sync)
    failing = True
    writer.append("a", 2, lines[1:])
    with pytest.raises(StoreError, match="Input/output error"):
        writer.commit()
    for use in (writer.commit, lambda: writer.append("a", 1, lines)):
        with pytest.raises(StoreError) as caught:
            use()
        assert caught.value.code == "MG408"
    assert batches(LogReader(run).poll()) == [0]
    write(run, "a", lines[1:])
    assert batches(LogReader(run).poll()) == list(range(6))


FAULTS = [errno.EIO, errno.ENOSPC, errno.EINTR]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("which", ["write", "short write", "sync"])
@pytest.mark.parametrize("kth", [1, 2, 3, 5])
def test_what_was_acknowledged_is_there_once_and_in_order_whichever_call_fails(
    run: RunFolder, progress: Callable[..., Payload], fault: int, which: str, kth: int
) -> None:
    calls = {"write": 0, "sync": 0}

    def count(call: str) -> bool:
        calls[call] += 1
        return calls[call] % kth == 0 and calls[call] < 40

    def write(fd: int, data: memoryview) -> int:
        if which != "sync" and count("write"):
            if which == "short write":
                os.write(fd, data[: len(data) // 3])
            raise OSError(fault, os.strerror(fault))
        return os.write(fd, data[: len(data) // 2 + 1])

    def sync(fd: int) -> None:
        if which == "sync" and count("sync"):
            raise OSError(fault, os.strerror(fault))

    lines = [encode_event(progress(batch)) for batch in range(60)]
    writer = LogWriter(run, write=write, sync=sync)
    acknowledged, num_failures, grown = 0, 0, b""
    while acknowledged < len(lines):
        try:
            writer.append("a", acknowledged + 1, lines[acknowledged : acknowledged + 4])
            writer.commit()
        except StoreError as error:
            num_failures += 1
            assert error.code == ("MG415" if fault == errno.ENOSPC else "MG403")  # noqa: PT017
            if not writer.is_open:
                writer = LogWriter(run, write=write, sync=sync)
            assert writer.last_seq("a") == acknowledged
        else:
            acknowledged += 4
        stored = run.log_path.read_bytes()
        assert stored.startswith(grown)
        assert stored.count(b"\n") == acknowledged == verify_chain(run.log_path).num_lines
        grown = stored
    assert num_failures >= 39 // kth // 2
    assert batches(LogReader(run).poll()) == list(range(60))
    assert verify_chain(run.log_path).last_seqs == {"a": 60}


def test_a_log_that_cannot_be_cut_back_takes_no_more_and_the_next_writer_mends_it(
    run: RunFolder, lines: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(fd: int, data: memoryview) -> int:
        os.write(fd, data[:700])
        raise OSError(errno.EIO, "Input/output error")

    def cut(fd: int, size: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    writer = LogWriter(run, write=write)
    writer.append("a", 1, lines)
    with monkeypatch.context() as patch:
        patch.setattr(os, "ftruncate", cut)
        with pytest.raises(StoreError, match="Input/output error"):
            writer.commit()
    with pytest.raises(StoreError, match="closed"):
        writer.append("a", 1, lines)
    writer = LogWriter(run)
    assert writer.last_seq("a") == 1
    writer.append("a", 1, lines)
    writer.commit()
    assert batches(LogReader(run).poll()) == list(range(6))
    assert run.torn_path.stat().st_size > 100


def test_what_a_killed_writer_left_is_synced_before_anyone_goes_on(
    run: RunFolder, lines: list[bytes], write: Write
) -> None:
    def fail(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    write(run, "a", lines)
    with pytest.raises(StoreError, match="Input/output error"):
        LogWriter(run, sync=fail)
    assert liveness(run) == "lost"
    synced: list[int] = []
    LogWriter(run, sync=synced.append).close()
    assert len(synced) == 1
