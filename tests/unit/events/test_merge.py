"""Spools into the log: every event once, each producer's in order, after whatever was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlgym_core.errors import StoreError
from mlgym_core.events.codec import read_stamp
from mlgym_core.events.folder import EventStorage, RunFolder
from mlgym_core.events.log import LogWriter
from mlgym_core.events.log_reader import LogReader
from mlgym_core.events.merge import Merger
from mlgym_core.events.spool import Spool
from mlgym_core.events.types import Payload
from mlgym_core.events.verify import verify_chain

Make: TypeAlias = Callable[..., Payload]

MERGE = """
import sys, time
from pathlib import Path
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.log import LogWriter
from mlgym_core.events.merge import Merger
run = RunFolder(Path(sys.argv[1]))
merger = Merger(LogWriter(run), run)
print("merging", flush=True)
while True:
    merger.merge_once()
"""


class Killed(BaseException):
    """Stands for the kill of the process that merges, between the write of a commit and its end."""


def told(line: bytes) -> tuple[int, int]:
    payload = json.loads(line)["payload"]
    return payload["experiment_id"], payload["current_batch"]


def spools(run: RunFolder) -> list[str]:
    return sorted(each.name for each in run.spools_path.glob("*"))


def test_what_is_published_comes_into_the_log(run: RunFolder, progress: Make) -> None:
    spool = Spool(run)
    merger = Merger(LogWriter(run), run)
    for batch in range(3):
        spool.publish(progress(batch))
        assert [told(line) for line in merger.merge_once()] == [(0, batch)]
    assert merger.merge_once() == []
    assert [told(line) for line in LogReader(run).poll()] == [(0, 0), (0, 1), (0, 2)]


def test_a_run_without_spools_has_nothing_to_merge(run: RunFolder) -> None:
    assert Merger(LogWriter(run), run).merge_once() == []


def test_a_spool_is_removed_once_its_producer_is_gone_and_it_is_in_the_log(run: RunFolder, progress: Make) -> None:
    one, two = Spool(run), Spool(run)
    merger = Merger(LogWriter(run), run)
    one.publish(progress(1))
    merger.merge_once()
    assert len(spools(run)) == 2
    one.publish(progress(2))
    one.close()
    assert len(merger.merge_once()) == 1
    assert spools(run) == [two.path.name]
    two.close()
    merger.merge_once()
    assert spools(run) == []


def test_no_trace_of_the_spools_stays_when_all_producers_are_gone(run: RunFolder, progress: Make) -> None:
    spool = Spool(run)
    spool.publish(progress(0))
    merger = Merger(LogWriter(run), run)
    merger.merge_rest()
    assert spools(run) == [spool.path.name]
    spool.close()
    assert merger.merge_rest() == []
    assert sorted(each.name for each in run.path.iterdir()) == ["event_storage.log", "writer.lock"]


def test_a_producer_that_comes_back_keeps_its_numbers(run: RunFolder, progress: Make) -> None:
    first = Spool(run)
    first.publish(progress(1))
    first.close()
    again = Spool(run, first.producer)
    merger = Merger(LogWriter(run), run)
    merger.merge_once()
    assert spools(run) == [again.path.name]
    again.publish(progress(2))
    merger.merge_once()
    stamps = [read_stamp(line) for line in LogReader(run).poll()]
    assert [stamp.seq for stamp in stamps if stamp] == [1, 2]


def test_events_of_several_producers_come_in_the_order_in_which_they_were_made(run: RunFolder, progress: Make) -> None:
    spools_by_name = [Spool(run) for _ in range(3)]
    order = [0, 2, 1, 1, 0, 2, 0, 1, 2, 2]
    for batch, which in enumerate(order):
        spools_by_name[which].publish(progress(batch, experiment_id=which))
    merged = Merger(LogWriter(run), run).merge_rest()
    assert [told(line) for line in merged] == [(which, batch) for batch, which in enumerate(order)]


@pytest.mark.parametrize("segment_bytes", [1, 500, 10_000])
def test_the_order_of_a_producer_holds_when_the_clock_is_set_back(
    run: RunFolder, progress: Make, monkeypatch: pytest.MonkeyPatch, segment_bytes: int
) -> None:
    one, two = Spool(run, segment_bytes=segment_bytes), Spool(run)
    for batch, now_us in enumerate([500, 100, 300, 200]):
        monkeypatch.setattr("time.time_ns", lambda now_us=now_us: now_us * 1000)
        one.publish(progress(batch, experiment_id=1))
        two.publish(progress(batch, experiment_id=2))
    merged = [told(line) for line in Merger(LogWriter(run), run).merge_rest()]
    for experiment_id in (1, 2):
        assert [batch for each, batch in merged if each == experiment_id] == [0, 1, 2, 3]


def test_an_event_from_the_future_is_kept_for_one_call_only(
    run: RunFolder, progress: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(run)
    with monkeypatch.context() as patch:
        patch.setattr("time.time_ns", lambda: 10**19)
        spool.publish(progress(0))
    spool.publish(progress(1))
    spool.close()
    merger = Merger(LogWriter(run), run)
    assert merger.merge_once() == []
    assert spools(run) == [spool.path.name]
    assert [told(line) for line in merger.merge_once()] == [(0, 0), (0, 1)]
    assert spools(run) == []


def test_a_damaged_spool_is_named_and_nothing_is_lost(run: RunFolder, progress: Make) -> None:
    sound, broken = Spool(run), Spool(run)
    sound.publish(progress(0))
    broken.publish(progress(1, experiment_id=1))
    with broken.path.open("ab") as file:
        file.write(b'{"event_type":\n')
    merger = Merger(LogWriter(run), run)
    with pytest.raises(StoreError, match=f"line 2 of .*{broken.producer}") as caught:
        merger.merge_once()
    assert caught.value.code == "MG405"
    assert LogReader(run).poll() == []
    assert len(spools(run)) == 2


def test_a_commit_that_fails_loses_nothing(run: RunFolder, progress: Make) -> None:
    failing = True

    def sync(fd: int) -> None:
        if failing:
            raise OSError(28, "No space left on device")
        os.fsync(fd)

    spool = Spool(run)
    spool.publish(progress(0))
    spool.close()
    with pytest.raises(StoreError, match="No space left"):
        Merger(LogWriter(run, sync=sync), run).merge_once()
    assert spools(run) == [spool.path.name]
    failing = False
    merger = Merger(LogWriter(run, sync=sync), run)
    assert [told(line) for line in merger.merge_once()] == [(0, 0)]
    assert spools(run) == []


def test_an_interrupted_merge_may_go_on_with_the_same_writer(run: RunFolder, progress: Make) -> None:
    interrupts = [Killed(), Killed()]

    def sync(fd: int) -> None:
        if interrupts:
            raise interrupts.pop()

    spool = Spool(run)
    for batch in range(3):
        spool.publish(progress(batch))
    merger = Merger(LogWriter(run, sync=sync), run)
    for _ in range(2):
        with pytest.raises(Killed):
            merger.merge_once()
        assert LogReader(run).poll() == []
    assert [told(line) for line in merger.merge_once()] == [(0, 0), (0, 1), (0, 2)]
    assert verify_chain(run.log_path).num_lines == 3


def test_a_merger_that_is_killed_again_and_again_loses_and_repeats_nothing(run: RunFolder, progress: Make) -> None:
    producers = [Spool(run, segment_bytes=20_000) for _ in range(3)]
    per_round = 400
    for round_number in range(4):
        with subprocess.Popen([sys.executable, "-c", MERGE, str(run.path)], stdout=subprocess.PIPE) as merging:
            assert merging.stdout is not None
            assert merging.stdout.readline() == b"merging\n"
            for batch in range(round_number * per_round, (round_number + 1) * per_round):
                for which, spool in enumerate(producers):
                    spool.publish(progress(batch, experiment_id=which))
            merging.send_signal(signal.SIGKILL)
    for spool in producers:
        spool.close()
    Merger(LogWriter(run), run).merge_rest()
    events = [told(line) for line in LogReader(run).poll()]
    for which in range(3):
        assert [batch for each, batch in events if each == which] == list(range(4 * per_round))
    assert verify_chain(run.log_path).num_lines == 12 * per_round
    assert spools(run) == []


def test_segments_are_removed_as_soon_as_they_are_in_the_log(run: RunFolder, progress: Make) -> None:
    spool = Spool(run, segment_bytes=600)
    merger = Merger(LogWriter(run), run)
    found = []
    for batch in range(40):
        spool.publish(progress(batch))
        if batch % 7 == 0:
            found += merger.merge_once()
            assert run.spools() == {spool.producer: [batch // 3 * 3 + 1 if batch % 3 < 2 else batch + 2]}
    spool.close()
    found += merger.merge_rest()
    assert [told(line) for line in found] == [(0, batch) for batch in range(40)]
    assert not run.spools_path.exists()


def test_a_new_merger_goes_on_in_the_middle_of_segments(run: RunFolder, progress: Make) -> None:
    spool = Spool(run, segment_bytes=600)
    for batch in range(30):
        spool.publish(progress(batch))
    copies = {path: path.read_bytes() for path in run.spools_path.iterdir()}
    writer = LogWriter(run)
    assert len(Merger(writer, run).merge_once()) == 30
    writer.close()
    for path, content in copies.items():
        path.write_bytes(content)
    for batch in range(30, 32):
        spool.publish(progress(batch))
    assert [told(line) for line in Merger(LogWriter(run), run).merge_once()] == [(0, 30), (0, 31)]


def test_long_spools_are_merged_in_order_piece_by_piece(
    run: RunFolder, progress: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlgym_core.events.merge._READ_BYTES", 2_000)
    producers = [Spool(run, segment_bytes=3_000) for _ in range(3)]
    order = [which for count in range(60) for which in (0, 0, 1 if count % 3 else 2)]
    for batch, which in enumerate(order):
        producers[which].publish(progress(batch, experiment_id=which))
    writer = LogWriter(run)
    merger = Merger(writer, run)
    first = merger.merge_once()
    assert 5 < len(first) < 40
    rest = merger.merge_rest()
    assert [told(line) for line in first + rest] == [(which, batch) for batch, which in enumerate(order)]
    assert merger.merge_once() == []


def test_the_spool_of_an_attempt_that_was_replaced_is_set_aside_and_the_others_go_on(
    run: RunFolder, progress: Make, attempt_started: Make, caplog: pytest.LogCaptureFixture
) -> None:
    old, new, other = Spool(run), Spool(run), Spool(run)
    writer = LogWriter(run)
    merger = Merger(writer, run)
    old.publish(attempt_started(attempt=1))
    old.publish(progress(0))
    merger.merge_once()
    new.publish(attempt_started(attempt=2))
    for batch in range(1, 4):
        old.publish(progress(batch))
        new.publish(progress(batch, experiment_id=1))
        other.publish(progress(batch, experiment_id=2))
    merger.merge_rest()
    old.publish(progress(9))
    new.publish(progress(4, experiment_id=1))
    merger.merge_rest()
    found = [told(line) for line in LogReader(run).poll() if b'"experiment_status"' in line]
    assert found.count((0, 0)) == 1
    assert [each for each in found if each[0] == 0] == [(0, 0)]
    assert [batch for which, batch in found if which == 1] == [1, 2, 3, 4]
    assert [batch for which, batch in found if which == 2] == [1, 2, 3]
    assert spools(run) == sorted([f"{old.path.name}.fenced", new.path.name, other.path.name])
    assert (run.spools_path / f"{old.path.name}.fenced").read_bytes().count(b"\n") == 6
    (told_once,) = caplog.records
    assert old.producer in told_once.message


@pytest.mark.parametrize("lost", [1, 4, 7])
@pytest.mark.parametrize("interleaved", [True, False])
def test_a_spool_that_lost_a_segment_is_set_aside_from_there_and_goes_on_once_it_is_whole(
    run: RunFolder, progress: Make, lost: int, interleaved: bool
) -> None:
    broken, sound = Spool(run, segment_bytes=600), Spool(run)
    for batch in range(10):
        broken.publish(progress(batch))
        if interleaved:
            sound.publish(progress(batch, experiment_id=1))
    broken.close()
    missing = run.spool_path(broken.producer, lost)
    content = missing.read_bytes()
    missing.unlink()
    merger = Merger(LogWriter(run), run)
    before = [told(line) for line in merger.merge_rest()]
    assert [batch for which, batch in before if which == 0] == list(range(lost - 1))
    assert [batch for which, batch in before if which == 1] == list(range(10 * interleaved))
    aside = [path for path in run.spools_path.iterdir() if path.suffix == ".gap"]
    assert aside
    missing.write_bytes(content)
    for path in aside:
        path.rename(path.with_suffix(""))
    assert [told(line) for line in merger.merge_rest()] == [(0, batch) for batch in range(lost - 1, 10)]
    assert verify_chain(run.log_path).num_lines == 10 + 10 * interleaved


ACTIONS = st.one_of(
    st.tuples(st.just("publish"), st.integers(0, 2)),
    st.tuples(st.just("replace"), st.integers(0, 2)),
    st.tuples(st.just("merge"), st.none()),
    st.tuples(st.just("kill"), st.floats(0, 1)),
)


def merge_and_kill(run: RunFolder, written: float) -> None:
    """A merge that ends when this part of the bytes of its commit has come into the file."""
    before = run.log_path.stat().st_size
    left = []
    is_open = False

    def sync(fd: int) -> None:
        if not is_open:
            return
        data = run.log_path.read_bytes()
        left.append(data[: before + round(written * (len(data) - before))])
        raise Killed

    writer = LogWriter(run, sync=sync)
    is_open = True
    with suppress(Killed):
        Merger(writer, run).merge_once()
    writer.close()
    for data in left:
        run.log_path.write_bytes(data)


@settings(max_examples=50)
@given(actions=st.lists(ACTIONS, max_size=25))
def test_a_kill_at_any_point_of_any_merge_gives_each_event_once_in_order(
    actions: list[tuple[str, Any]], tmp_path_factory: pytest.TempPathFactory, progress: Make
) -> None:
    run = EventStorage(tmp_path_factory.mktemp("storage")).run("run")
    producers = [Spool(run, segment_bytes=600) for _ in range(3)]
    published = [0, 0, 0]
    writer = LogWriter(run)
    merger = Merger(writer, run)
    for action, argument in actions:
        if action == "publish":
            producers[argument].publish(progress(published[argument], experiment_id=argument))
            published[argument] += 1
        elif action == "replace":
            producers[argument].close()
            producers[argument] = Spool(run, segment_bytes=600)
        elif action == "merge":
            merger.merge_once()
        else:
            writer.close()
            merge_and_kill(run, argument)
            writer = LogWriter(run)
            merger = Merger(writer, run)
    for spool in producers:
        spool.close()
    merger.merge_rest()
    writer.close()
    events = [told(line) for line in LogReader(run).poll()]
    for which, count in enumerate(published):
        assert [batch for each, batch in events if each == which] == list(range(count))
    assert verify_chain(run.log_path).num_lines == sum(published)
    assert spools(run) == []
