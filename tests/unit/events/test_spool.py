"""A producer's own file: what is in it after any end of the producer, and what a reader sees."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from mlgym_core.errors import StoreError
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.lines import read_lines
from mlgym_core.events.spool import Spool, SpoolReader
from mlgym_core.events.types import LogLines, Payload, RunEnded

PUBLISH = """
import os, sys
from pathlib import Path
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.spool import Spool
from mlgym_core.events.types import LogLines
run = RunFolder(Path(sys.argv[1]))
spool = Spool(run, segment_bytes=50_000)
count = 0
while True:
    count += 1
    spool.publish(LogLines(grid_search_id=run.run_id, stream="stdout", lines=[str(count)] * 50))
    os.write(1, b"%d\\n" % count)
"""

FORK = """
import os, sys
from pathlib import Path
from mlgym_core.errors import StoreError
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.spool import Spool
from mlgym_core.events.types import RunTrashed
run = RunFolder(Path(sys.argv[1]))
fact = RunTrashed(grid_search_id=run.run_id, by="somebody")
spool = Spool(run)
spool.publish(fact)
for _ in range(3):
    if os.fork() == 0:
        try:
            spool.publish(fact)
        except StoreError as error:
            own = Spool(run)
            own.publish(fact)
            os.write(1, f"{error.code} {own.producer}\\n".encode())
        os._exit(0)
for _ in range(3):
    os.wait()
os.write(1, f"{spool.producer}\\n".encode())
"""


def batches(lines: list[bytes]) -> list[int]:
    return [json.loads(line)["payload"]["current_batch"] for line in lines]


def test_each_event_is_a_line_as_soon_as_it_is_published(run: RunFolder, progress: Callable[..., Payload]) -> None:
    spool = Spool(run)
    reader = SpoolReader(spool.path)
    assert spool.path == run.spool_path(spool.producer)
    for batch in range(3):
        spool.publish(progress(batch))
        assert batches(reader.poll()) == [batch]
    assert reader.poll() == []
    assert reader.offset == spool.path.stat().st_size


def dropped(run: RunFolder) -> dict[tuple[str, int | None], int]:
    counts: dict[tuple[str, int | None], int] = {}
    for line in stored(run):
        event = json.loads(line)
        if event["event_type"] == "dropped":
            about = event["payload"]["event_type"], event["payload"]["experiment_id"]
            counts[about] = counts.get(about, 0) + event["payload"]["count"]
    return counts


def stored(run: RunFolder) -> list[bytes]:
    """The lines of the only producer's segments, whose numbers have to follow on one another."""
    ((producer, segments),) = run.spools().items()
    lines: list[bytes] = []
    for first_seq in segments:
        assert first_seq == segments[0] + len(lines)
        lines += SpoolReader(run.spool_path(producer, first_seq)).poll()
    return lines


def test_each_new_spool_is_a_producer_of_its_own(run: RunFolder) -> None:
    assert Spool(run).producer != Spool(run).producer


def test_threads_share_a_spool_without_mixing_lines(run: RunFolder, progress: Callable[..., Payload]) -> None:
    spool = Spool(run)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda batch: spool.publish(progress(batch)), range(400)))
    assert sorted(batches(SpoolReader(spool.path).poll())) == list(range(400))


def test_a_closed_spool_takes_no_event(run: RunFolder, progress: Callable[..., Payload]) -> None:
    spool = Spool(run)
    spool.close()
    spool.close()
    with pytest.raises(StoreError, match="closed"):
        spool.publish(progress(0))


def test_what_a_killed_producer_published_is_there(run: RunFolder) -> None:
    run.path.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", PUBLISH, str(run.path)], stdout=subprocess.PIPE) as producer:
        assert producer.stdout is not None
        published = [int(producer.stdout.readline()) for _ in range(500)][-1]
        producer.send_signal(signal.SIGKILL)
        rest = producer.stdout.read().split(b"\n")[:-1]
        published = int(rest[-1]) if rest else published
    lines = stored(run)
    counts = [int(json.loads(line)["payload"]["lines"][0]) for line in lines]
    assert counts == list(range(1, len(counts) + 1))
    assert len(counts) in (published, published + 1)


def test_a_torn_last_line_is_not_read_and_cut_off_before_the_spool_goes_on(
    run: RunFolder, progress: Callable[..., Payload]
) -> None:
    spool = Spool(run)
    for batch in range(3):
        spool.publish(progress(batch))
    spool.close()
    whole = spool.path.read_bytes()
    third = whole.rindex(b"\n", 0, -1) + 1
    for end in range(third, len(whole)):
        spool.path.write_bytes(whole[:end])
        reader = SpoolReader(spool.path)
        assert batches(reader.poll()) == [0, 1]
        again = Spool(run, spool.producer)
        again.publish(progress(7))
        again.close()
        assert batches(reader.poll()) == [7]
        assert batches(SpoolReader(spool.path).poll()) == [0, 1, 7]


def test_a_long_torn_line_and_a_spool_of_one_are_cut_off_too(run: RunFolder, progress: Callable[..., Payload]) -> None:
    spool = Spool(run)
    spool.close()
    spool.path.write_bytes(b"a" * (3 * 2**20))
    again = Spool(run, spool.producer)
    again.publish(progress(1))
    assert batches(SpoolReader(spool.path).poll()) == [1]


def test_a_spool_begins_while_the_folder_of_spools_is_removed(
    run: RunFolder, progress: Callable[..., Payload], monkeypatch: pytest.MonkeyPatch
) -> None:
    real_open = os.open
    removals = 3

    def remove_and_open(path: Path, flags: int, mode: int = 0o777) -> int:
        nonlocal removals
        if removals and flags & os.O_EXCL:
            removals -= 1
            run.spools_path.rmdir()
        return real_open(path, flags, mode)

    monkeypatch.setattr(os, "open", remove_and_open)
    Spool(run).publish(progress(0))
    assert removals == 0
    assert batches(stored(run)) == [0]


def test_a_spool_in_use_is_refused(run: RunFolder) -> None:
    spool = Spool(run)
    with pytest.raises(StoreError, match="in use") as caught:
        Spool(run, spool.producer)
    assert caught.value.code == "MG404"


def test_a_spool_that_was_removed_cannot_be_used_again(run: RunFolder) -> None:
    spool = Spool(run)
    spool.close()
    spool.path.unlink()
    with pytest.raises(StoreError, match="no spool"):
        Spool(run, spool.producer)


@pytest.mark.parametrize("producer", ["../a", "", ".a", "a/b"])
def test_a_producer_that_leads_out_of_the_folder_is_refused(run: RunFolder, producer: str) -> None:
    with pytest.raises(StoreError):
        Spool(run, producer)


def test_a_folder_that_cannot_be_written_is_one_clear_error(run: RunFolder) -> None:
    run.path.parent.mkdir(parents=True)
    run.path.touch()
    with pytest.raises(StoreError, match="cannot write"):
        Spool(run)


def test_a_full_disk_leaves_whole_lines_and_the_spool_goes_on_when_there_is_room(
    run: RunFolder, progress: Callable[..., Payload], small_files: Callable[[int], AbstractContextManager[None]]
) -> None:
    spool = Spool(run)
    spool.publish(progress(0))
    line = spool.path.stat().st_size
    with small_files(2 * line + 10):
        spool.publish(progress(1))
        with pytest.raises(StoreError, match="cannot write") as caught:
            spool.publish(progress(2))
    assert caught.value.code == "MG403"
    assert spool.path.stat().st_size == 2 * line
    spool.publish(progress(3))
    assert batches(SpoolReader(spool.path).poll()) == [0, 1, 3]


def test_an_event_that_is_refused_leaves_the_spool_as_it_was(run: RunFolder, progress: Callable[..., Payload]) -> None:
    spool = Spool(run)
    with pytest.raises(StoreError):
        spool.publish(LogLines(grid_search_id="r", stream="stdout", lines=["a" * 10_000_000]))
    spool.publish(progress(1))
    assert batches(SpoolReader(spool.path).poll()) == [1]


def test_the_spool_of_a_producer_that_has_not_begun_is_empty(run: RunFolder) -> None:
    assert SpoolReader(run.spool_path("nobody")).poll() == []


@pytest.mark.parametrize("max_bytes", [None, 1, 4, 5, 6, 1000])
def test_lines_are_read_in_bounded_pieces_and_each_whole(tmp_path: Path, max_bytes: int | None) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"aa\nbbb\n\ncccccccc\ntorn")
    found: list[bytes] = []
    with path.open("rb") as file:
        lines, offset = read_lines(file.fileno(), 0, max_bytes)
        while lines:
            found += lines
            lines, offset = read_lines(file.fileno(), offset, max_bytes)
    assert found == [b"aa", b"bbb", b"", b"cccccccc"]
    assert offset == path.stat().st_size - len(b"torn")


def test_a_long_spool_goes_on_in_segments_whose_names_number_its_events(
    run: RunFolder, progress: Callable[..., Payload]
) -> None:
    spool = Spool(run, segment_bytes=600)
    for batch in range(20):
        spool.publish(progress(batch))
    assert run.spools() == {spool.producer: list(range(1, 20, 3))}
    assert spool.path == run.spool_path(spool.producer, 19)
    assert [path.name for path in run.spools_path.glob("*@1.jsonl")] == []
    spool.close()
    again = Spool(run, spool.producer, segment_bytes=600)
    for batch in range(20, 24):
        again.publish(progress(batch))
    assert batches(stored(run)) == list(range(24))
    with pytest.raises(StoreError, match="in use"):
        Spool(run, spool.producer)


def test_past_the_bound_progress_is_dropped_and_counted_and_nothing_else(
    run: RunFolder, progress: Callable[..., Payload]
) -> None:
    end = RunEnded(grid_search_id=run.run_id, reason="finished", counts={})
    output = LogLines(grid_search_id=run.run_id, experiment_id=1, stream="stdout", lines=["a" * 200])
    spool = Spool(run, segment_bytes=600, soft_bound_bytes=6_000)
    for batch in range(100):
        spool.publish(progress(batch, experiment_id=batch % 2))
        spool.publish(end)
        spool.publish(output)
    spool.close()
    kept = [json.loads(line) for line in stored(run)]
    kinds = [each["event_type"] for each in kept]
    assert kinds.count("run_ended") == 100
    kept_batches = [each["payload"]["current_batch"] for each in kept if each["event_type"] == "experiment_status"]
    assert kept_batches == list(range(len(kept_batches)))
    assert 5 < len(kept_batches) < 20
    counts = dropped(run)
    assert counts["experiment_status", 0] + counts["experiment_status", 1] == 100 - len(kept_batches)
    assert counts["log", 1] == 100 - kinds.count("log")


def test_when_there_is_room_again_the_count_is_told_and_progress_is_kept(
    run: RunFolder, progress: Callable[..., Payload], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    spool = Spool(run, segment_bytes=600, soft_bound_bytes=3_000)
    for batch in range(50):
        spool.publish(progress(batch))
    num_kept = len(stored(run))
    assert 10 <= num_kept < 20
    *carried_on, current = run.spools()[spool.producer]
    for first_seq in carried_on:
        run.spool_path(spool.producer, first_seq).unlink()
    spool.publish(progress(50))
    assert dropped(run) == {}
    now = 0.2
    spool.publish(progress(51))
    assert dropped(run) == {("experiment_status", 0): 51 - num_kept}
    assert batches([stored(run)[-1]]) == [51]
    assert run.spools()[spool.producer][0] == current


def test_where_no_segment_can_be_begun_the_old_one_goes_on(
    run: RunFolder, progress: Callable[..., Payload], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    spool = Spool(run, segment_bytes=600)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", fail)
        for batch in range(6):
            spool.publish(progress(batch))
    spool.publish(progress(6))
    spool.publish(progress(7))
    assert run.spools()[spool.producer] == [1, 8]
    assert batches(stored(run)) == list(range(8))


FAULTS = [errno.EIO, errno.ENOSPC, errno.EINTR]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("shortened", [1, 2])
def test_what_publish_returned_for_is_there_whichever_write_fails(
    run: RunFolder, progress: Callable[..., Payload], fault: int, shortened: int
) -> None:
    calls = 0

    def write(fd: int, data: bytes | memoryview) -> int:
        nonlocal calls
        calls += 1
        if calls % 11 == 0:
            raise OSError(fault, os.strerror(fault))
        return os.write(fd, memoryview(data)[: len(data) // shortened or 1])

    spool = Spool(run, segment_bytes=2_000, write=write)
    published, refused = [], []
    for batch in range(40):
        try:
            spool.publish(progress(batch))
            published.append(batch)
        except StoreError as error:
            refused.append(error)
    assert batches(stored(run)) == published
    assert len(published) == 37 if shortened == 1 else 0 < len(published) < 40
    assert {error.code for error in refused} == {"MG415" if fault == errno.ENOSPC else "MG403"}


def test_a_spool_belongs_to_the_process_that_made_it(run: RunFolder) -> None:
    answers = subprocess.run(
        [sys.executable, "-c", FORK, str(run.path)], capture_output=True, text=True, check=True
    ).stdout.split()
    assert answers.count("MG408") == 3
    assert len(set(answers) - {"MG408"}) == 4
    assert sorted(run.spools()) == sorted(set(answers) - {"MG408"})
    for producer in run.spools():
        assert len(SpoolReader(run.spool_path(producer)).poll()) == 1
