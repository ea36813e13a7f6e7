"""A snapshot and what follows on it are the same as all events from the first on; whatever does not fit is ignored."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlgym_core.errors import StoreError
from mlgym_core.events.codec import encode_event
from mlgym_core.events.folder import EventStorage, RunFolder
from mlgym_core.events.log import LogWriter
from mlgym_core.events.log_reader import LogReader
from mlgym_core.events.projections.columns import Column, LogIndex
from mlgym_core.events.projections.run_fold import RunFold
from mlgym_core.events.projections.views import DeltaCollector, snapshot
from mlgym_core.events.snapshots import FoldSnapshots, open_fold
from mlgym_core.events.types import (
    AttemptStarted,
    CheckpointSaved,
    ControlAnswered,
    EvaluationResult,
    ExperimentConfig,
    JobStatus,
    LogLines,
    LossScore,
    MetricScore,
    Payload,
    RunEnded,
    RunStarted,
    SystemMetrics,
)

RUN_ID = "2026-01-02--03-04-05"
MARK_EVERY = 8
NEWEST_EVERY = 5


def results(count: int, experiment_id: int = 0) -> list[Payload]:
    return [result(experiment_id, epoch, epoch / 8) for epoch in range(count)]


def result(experiment_id: int, epoch: int, score: float | None) -> Payload:
    return EvaluationResult(
        grid_search_id=RUN_ID,
        experiment_id=experiment_id,
        epoch=epoch,
        metric_scores=[MetricScore(metric="f1", split="val", score=score)],
        loss_scores=[LossScore(loss="mse", split="val", score=score)],
    )


EXPERIMENT = st.integers(0, 2)
SCORE = st.none() | st.floats(-4, 4)
COMMON = {"grid_search_id": st.just(RUN_ID)}
FACTS = st.one_of(
    st.builds(result, EXPERIMENT, st.integers(0, 5), SCORE),
    st.builds(
        ExperimentConfig,
        **COMMON,
        experiment_id=EXPERIMENT,
        job_id=st.just(0),
        config=st.fixed_dictionaries(
            {"lr": st.floats(0, 1), "metrics": st.just([{"use": "f1", "goal": "min"}]), "run": st.just({"epochs": 5})}
        ),
    ),
    st.builds(
        AttemptStarted,
        **COMMON,
        experiment_id=EXPERIMENT,
        attempt=st.integers(1, 3),
        device=st.just("cpu"),
        host=st.just("here"),
        pid=st.just(7),
        threads=st.just(1),
        versions=st.just({"torch": "2"}),
    ),
    st.builds(
        JobStatus,
        **COMMON,
        experiment_id=EXPERIMENT,
        job_id=st.just("j"),
        status=st.sampled_from(["INIT", "RUNNING", "DONE"]),
        error=st.none() | st.just("no memory"),
    ),
    st.builds(
        CheckpointSaved,
        **COMMON,
        experiment_id=EXPERIMENT,
        epoch=st.integers(0, 3),
        step=st.integers(0, 3),
        resources=st.just([]),
        weights_sha256=st.just("ab"),
        kept_as=st.just(["last"]),
    ),
    st.builds(
        ControlAnswered,
        **COMMON,
        experiment_id=st.none() | EXPERIMENT,
        action=st.just("stop"),
        by=st.just("me"),
        request=st.just("1"),
        obeyed=st.booleans(),
    ),
    st.builds(
        LogLines,
        **COMMON,
        experiment_id=st.none() | EXPERIMENT,
        stream=st.sampled_from(["stdout", "logging"]),
        lines=st.lists(st.text(max_size=3), max_size=3),
    ),
    st.builds(
        SystemMetrics,
        **COMMON,
        host=st.just("here"),
        cpu_percent=st.floats(0, 100),
        rss_bytes=st.integers(0, 2**40),
        memory_used_bytes=st.just(1),
        memory_total_bytes=st.just(2),
    ),
    st.builds(RunStarted, **COMMON, config_hash=st.just("c"), source=st.just({}), entry_command=st.just([]),
              num_experiments=st.just(3), environment=st.just({"a": 1.5})),
    st.builds(RunEnded, **COMMON, reason=st.sampled_from(["finished", "stopped", "lost"]), counts=st.just({})),
)  # fmt: skip


class Recorded:
    """A log, the fold of all of it from the first event on, and what a board does with it."""

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        self.writer = LogWriter(run)

    def append(self, payloads: list[Payload]) -> None:
        self.writer.append("p", self.writer.last_seq("p") + 1, [encode_event(each) for each in payloads])
        self.writer.commit()

    def fold_with_snapshots(self) -> RunFold:
        snapshots = FoldSnapshots(self.run, mark_every=MARK_EVERY, newest_every=NEWEST_EVERY)
        fold, reader = snapshots.open()
        for lines in snapshots.follow(fold, reader):
            fold.feed(lines)
        return fold

    def kept(self) -> set[int]:
        return {int(each.name.removeprefix("fold-")) for each in self.run.snapshots_path.glob("fold-*")}


@pytest.fixture
def recorded(run: RunFolder) -> Any:
    made = Recorded(run)
    yield made
    made.writer.close()


def replayed(run: RunFolder, before: int | None = None) -> RunFold:
    fold = RunFold()
    fold.feed(LogReader(run).poll(before=before))
    return fold


def told(fold: RunFold) -> tuple[Any, ...]:
    """All that a fold holds, in the order in which it holds it."""
    columns = fold.columns
    return (
        msgspec.json.encode(snapshot(fold, "unknown")),
        msgspec.to_builtins(fold.state),
        fold.size_bytes,
        [(e, key, held(each), each.num_rising) for e, keys in columns.scores.items() for key, each in keys.items()],
        [(key, held(each), each.num_rising) for key, each in columns.system.items()],
        [(key, held(each)) for key, each in columns.logs.items()],
    )


def held(column: Column | LogIndex) -> list[bytes]:
    return [each.tobytes() for each in column.arrays()]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(facts=st.lists(FACTS, min_size=1, max_size=40), cut=st.integers(0, 40), at=st.integers(0, 39))
def test_a_snapshot_and_its_tail_equal_a_full_replay(
    tmp_path_factory: Any, facts: list[Payload], cut: int, at: int
) -> None:
    recorded = Recorded(EventStorage(tmp_path_factory.mktemp("storage")).run(RUN_ID))
    recorded.append(facts[:cut])
    recorded.fold_with_snapshots()
    recorded.append(facts[cut:])
    recorded.writer.close()
    assert told(recorded.fold_with_snapshots()) == told(replayed(recorded.run))
    assert recorded.kept() >= set(range(MARK_EVERY, len(facts) + 1, MARK_EVERY))
    if at < len(facts):
        fold, reader = open_fold(recorded.run, at)
        assert told(fold) == told(replayed(recorded.run, at + 1))
        assert reader.next_event_id == at + 1
        fold.feed(reader.poll())
        assert told(fold) == told(replayed(recorded.run))


def test_what_is_kept_is_a_mark_at_each_step_and_the_newest(recorded: Recorded) -> None:
    for count, kept in [(4, set()), (2, {6}), (1, {6}), (2, {8}), (3, {8}), (1, {8, 13}), (5, {8, 16})]:
        recorded.append(results(count))
        recorded.fold_with_snapshots()
        assert recorded.kept() == kept
    recorded.append([RunEnded(grid_search_id=RUN_ID, reason="finished", counts={})])
    recorded.fold_with_snapshots()
    assert recorded.kept() == {8, 16, 19}


def test_what_a_crash_left_half_written_goes_with_a_later_snapshot(recorded: Recorded) -> None:
    recorded.append(results(6))
    recorded.fold_with_snapshots()
    left, under_way = (recorded.run.snapshots_path / f".fold-6.{name}" for name in ("left", "under-way"))
    for each in (left, under_way):
        each.write_bytes(b"half")
    day_ago = left.stat().st_mtime - 86_400
    os.utime(left, (day_ago, day_ago))

    recorded.append(results(5))
    recorded.fold_with_snapshots()

    assert not left.exists()
    assert under_way.exists()


def test_who_begins_at_a_snapshot_reads_no_line_before_it(recorded: Recorded) -> None:
    recorded.append(results(16))
    recorded.fold_with_snapshots()
    log = recorded.run.log_path
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([b"x" * (len(lines[0]) - 1) + b"\n", *lines[1:]]))
    assert told(open_fold(recorded.run)[0])[1]["num_events"] == 16


def stale(run: RunFolder) -> None:
    """The snapshots of a log that was as long, but another one."""
    lines = run.log_path.read_bytes().splitlines(keepends=True)
    kept = run.path / "kept"
    run.snapshots_path.rename(kept)
    run.log_path.unlink()
    other = Recorded(run)
    other.append([result(0, epoch, -1) for epoch in range(len(lines))])
    other.writer.close()
    shutil.rmtree(run.snapshots_path, ignore_errors=True)
    kept.rename(run.snapshots_path)


def of_a_longer_log(run: RunFolder) -> None:
    lines = run.log_path.read_bytes().splitlines(keepends=True)
    run.log_path.write_bytes(b"".join(lines[:5]))


def change(edit: Callable[[bytes], bytes]) -> Callable[[RunFolder], None]:
    def apply(run: RunFolder) -> None:
        for path in run.snapshots_path.glob("fold-*"):
            path.write_bytes(edit(path.read_bytes()))

    return apply


def replace_by_folders(run: RunFolder) -> None:
    for path in run.snapshots_path.glob("fold-*"):
        path.unlink()
        path.mkdir()


def replace_the_folder(run: RunFolder) -> None:
    shutil.rmtree(run.snapshots_path)
    run.snapshots_path.write_bytes(b"")


def remove_the_first(run: RunFolder) -> None:
    (run.snapshots_path / "fold-8").unlink()


@pytest.mark.parametrize(
    "spoil",
    [
        stale,
        of_a_longer_log,
        change(lambda _: b""),
        change(lambda content: content[:-1]),
        change(lambda content: content[: len(content) // 2]),
        change(lambda content: content[:-1] + bytes([content[-1] ^ 1])),
        change(lambda content: b"{}\n" + content),
        change(lambda content: content.replace(b'"code":"', b'"code":"0', 1)),
        replace_by_folders,
        remove_the_first,
        lambda run: shutil.rmtree(run.snapshots_path),
        replace_the_folder,
    ],
)
def test_snapshots_that_do_not_fit_are_ignored_and_made_anew(recorded: Recorded, spoil: Any) -> None:
    recorded.append(results(20))
    recorded.fold_with_snapshots()
    recorded.writer.close()
    spoil(recorded.run)
    num_events = len(recorded.run.log_path.read_bytes().splitlines())
    for at in range(num_events):
        assert told(open_fold(recorded.run, at)[0]) == told(replayed(recorded.run, at + 1))
    assert told(recorded.fold_with_snapshots()) == told(replayed(recorded.run))
    assert told(open_fold(recorded.run)[0]) == told(replayed(recorded.run))


def test_a_store_that_is_only_read_is_read_without_snapshots(recorded: Recorded, monkeypatch: Any) -> None:
    recorded.append(results(20))
    attempts: list[Path] = []

    def refuse(path: Path, *_: Any, **__: Any) -> None:
        attempts.append(path)
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", refuse)
        fold = recorded.fold_with_snapshots()
    assert told(fold) == told(replayed(recorded.run))
    assert len(attempts) == 1


def test_a_state_that_cannot_be_kept_is_folded_anew(recorded: Recorded) -> None:
    numbers = {"many": 10**400}
    recorded.append([ExperimentConfig(grid_search_id=RUN_ID, experiment_id=0, job_id=0, config=numbers), *results(20)])
    recorded.fold_with_snapshots()
    assert told(recorded.fold_with_snapshots()) == told(replayed(recorded.run))


def test_deltas_go_on_behind_a_snapshot_as_behind_a_replay(recorded: Recorded) -> None:
    recorded.append([*results(10), *results(10, experiment_id=1)])
    recorded.fold_with_snapshots()
    recorded.append([result(1, 3, 0.5), result(0, 10, None)])
    deltas = []
    for fold, reader in (FoldSnapshots(recorded.run).open(16), (replayed(recorded.run, 16), None)):
        collector = DeltaCollector(fold)
        rest = reader.poll() if reader else LogReader(recorded.run).poll()[16:]
        collector.feed(rest)
        deltas.append(msgspec.json.encode(collector.collect("alive")))
    assert deltas[0] == deltas[1]


def test_an_event_that_is_not_there_is_an_error_that_says_which_are(recorded: Recorded) -> None:
    recorded.append(results(3))
    for at in (-1, 3):
        with pytest.raises(StoreError, match=f"no event {at}") as refusal:
            open_fold(recorded.run, at)
        assert refusal.value.hint == "its events are 0 to 2"


def test_a_run_without_events_has_no_event(run: RunFolder) -> None:
    with pytest.raises(StoreError) as refusal:
        open_fold(run, 0)
    assert refusal.value.hint == "its log is empty"
    assert open_fold(run)[0].state.num_events == 0
