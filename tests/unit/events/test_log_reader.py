"""What a reader sees of a log: whole lines, from any event on, and whether it is still the same log."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

from mlgym_core.errors import StoreError
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.log import LogWriter
from mlgym_core.events.log_reader import LogReader, reader_at


def write(run: RunFolder, producer: str, lines: list[bytes]) -> None:
    with closing(LogWriter(run)) as writer:
        writer.append(producer, writer.last_seq(producer) + 1, lines)
        writer.commit()


def batches(lines: list[bytes]) -> list[int]:
    return [json.loads(line)["payload"]["current_batch"] for line in lines]


def test_a_reader_follows_the_writer_and_stops_before_a_torn_line(run: RunFolder, lines: list[bytes]) -> None:
    reader = LogReader(run)
    write(run, "a", lines[:2])
    assert batches(reader.poll()) == [0, 1]
    assert reader.next_event_id == 2
    with run.log_path.open("ab") as log:
        log.write(b'{"event_type":')
    assert reader.poll() == []
    write(run, "a", lines[2:])
    assert batches(reader.poll()) == [2, 3, 4, 5]
    assert reader.next_event_id == 6


def test_a_reader_takes_bounded_pieces(run: RunFolder, lines: list[bytes]) -> None:
    write(run, "a", lines)
    reader = LogReader(run)
    found = []
    while piece := reader.poll(max_bytes=500):
        assert len(piece) < 3
        found += piece
    assert batches(found) == list(range(6))


def test_a_reader_stops_before_an_event_that_is_no_fact_yet(run: RunFolder, lines: list[bytes]) -> None:
    write(run, "a", lines)
    reader = LogReader(run)
    assert batches(reader.poll(before=2)) == [0, 1]
    assert reader.poll(before=2) == reader.poll(before=0) == []
    assert reader.next_event_id == 2
    assert batches(reader.poll(before=9)) == [2, 3, 4, 5]


def test_a_reader_sees_that_the_log_was_cut(run: RunFolder, lines: list[bytes]) -> None:
    write(run, "a", lines)
    reader = LogReader(run)
    reader.poll()
    run.log_path.write_bytes(run.log_path.read_bytes()[:300])
    with pytest.raises(StoreError, match="cut or rewritten"):
        reader.poll()


def test_a_reader_sees_that_the_log_was_rewritten(run: RunFolder, lines: list[bytes]) -> None:
    write(run, "a", lines[:3])
    reader = LogReader(run)
    reader.poll()
    run.log_path.unlink()
    write(run, "b", lines)
    with pytest.raises(StoreError, match="cut or rewritten"):
        reader.poll()


def test_slices_are_the_bytes_of_the_log_whatever_their_bounds(run: RunFolder, lines: list[bytes]) -> None:
    write(run, "a", lines)
    whole = run.log_path.read_bytes()
    for max_bytes in (1, 700, None):
        for before in (2, 4, 9):
            reader = LogReader(run)
            found = b""
            while (piece := reader.poll_slice(max_bytes, before)).num_lines:
                assert piece.first_event_id == found.count(b"\n")
                assert piece.num_lines == piece.data.count(b"\n") == reader.next_event_id - piece.first_event_id
                found += piece.data
            assert found == b"".join(whole.splitlines(keepends=True)[:before])


def test_a_reader_goes_on_from_any_position(run: RunFolder, lines: list[bytes]) -> None:
    write(run, "a", lines[:5])
    for event_id in range(6):
        first = reader_at(run, event_id)
        assert (first.next_event_id, first.position.num_lines) == (event_id, event_id)
        second = LogReader(run, first.position)
        assert second.poll() == first.poll() == LogReader(run).poll()[event_id:]
    end = reader_at(run)
    assert end.next_event_id == 5
    write(run, "a", lines[5:])
    assert batches(end.poll()) == [5]
    with pytest.raises(StoreError, match="no event 7") as caught:
        reader_at(run, 7)
    assert caught.value.code == "MG402"


def test_a_position_of_another_log_is_noticed(run: RunFolder, lines: list[bytes]) -> None:
    write(run, "a", lines)
    position = reader_at(run, 3).position
    with run.log_path.open("rb") as log:
        assert position.holds(log.fileno())
    run.log_path.unlink()
    write(run, "b", lines[1:])
    with run.log_path.open("rb") as log:
        assert not position.holds(log.fileno())
    with pytest.raises(StoreError, match="cut or rewritten"):
        LogReader(run, position).poll()
