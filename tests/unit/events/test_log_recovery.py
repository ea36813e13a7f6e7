"""The log after torn lines, altered bytes, full disks and calls that fail: nothing acknowledged is lost."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlgym_core.errors import StoreError
from mlgym_core.events.codec import encode_event
from mlgym_core.events.folder import EventStorage, RunFolder
from mlgym_core.events.lock import liveness
from mlgym_core.events.log import LogWriter
from mlgym_core.events.log_reader import LogReader
from mlgym_core.events.types import Payload
from mlgym_core.events.verify import verify_chain

Write: TypeAlias = Callable[[RunFolder, str, list[bytes]], None]
"""Writes lines of a producer into a log and closes it."""


def batches(lines: list[bytes]) -> list[int]:
    return [json.loads(line)["payload"]["current_batch"] for line in lines]


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
