"""What is shown of a run: rows, snapshots, deltas, the document of `show`."""

from __future__ import annotations

import json
from itertools import pairwise
from math import isnan
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgym_core.events.projections.columns import Selection
from mlgym_core.events.projections.overlay import overlay_row, overlay_summary
from mlgym_core.events.projections.run_fold import RunFold
from mlgym_core.events.projections.run_state import RunDelta, RunSnapshot
from mlgym_core.events.projections.views import (
    DeltaCollector,
    choices_text,
    detail,
    row,
    show_document,
    snapshot,
    summary,
    varying_parameters,
)

GOLDEN = Path(__file__).parents[3] / "golden" / "mlgym_0_0_75"


def golden_lines() -> list[bytes]:
    return (GOLDEN / "event_storage.log").read_bytes().splitlines()


def test_a_log_of_mlgym_is_shown_as_it_was_when_it_was_first_read() -> None:
    fold = RunFold()
    fold.feed(golden_lines())
    assert msgspec.to_builtins(snapshot(fold, "unknown")) == json.loads((GOLDEN / "snapshot.json").read_text())
    kept = json.loads((GOLDEN / "series.json").read_text())
    assert all_points(fold) == {
        (int(experiment_id), key, epoch): value
        for experiment_id, columns in kept.items()
        for key, column in columns.items()
        for epoch, value in zip(column["epochs"], column["values"], strict=True)
    }


def test_a_run_is_summarized(story: Any) -> None:
    story.start_run(num_experiments=4, description="digits")
    story.job("RUNNING", experiment_id=0)
    story.job("DONE", experiment_id=1)
    shown = summary(story.fold.state)
    assert (shown.run_id, shown.status, shown.num_experiments) == ("2026-01-02--03-04-05", "running", 4)
    assert shown.counts == {"running": 1, "finished": 1, "pending": 2}
    assert (shown.started_at, shown.ended_at, shown.last_event_at, shown.num_events) == (1.0, None, 3.0, 3)
    assert (shown.description, shown.config_hash) == ("digits", "c0ffee")
    assert shown.entry_command == ["mlgym", "run", "a b.yml"]


@pytest.mark.parametrize("reason", ["finished", "failed", "stopped", "lost"])
def test_a_run_that_ended_has_the_status_of_its_end_whoever_lives(story: Any, reason: str) -> None:
    story.start_run()
    story.end_run(reason)
    for liveness in ("alive", "lost", "unknown"):
        shown = overlay_summary(summary(story.fold.state), liveness)
        assert (shown.status, shown.ended_at) == (reason, 2.0)


@pytest.mark.parametrize(
    ("jobs", "status"),
    [
        ([], "pending"),
        (["INIT", "INIT"], "pending"),
        (["RUNNING", "INIT"], "running"),
        (["DONE", "INIT"], "running"),
        (["DONE", "DONE"], "finished"),
        (["DONE", "error"], "failed"),
    ],
)
def test_a_run_that_does_not_tell_of_itself_has_the_status_of_its_experiments(
    story: Any, jobs: list[str], status: str
) -> None:
    for experiment_id, job in enumerate(jobs):
        if job == "error":
            story.job("DONE", experiment_id=experiment_id, error="no memory", finishing_time=99)
        else:
            story.job(job, experiment_id=experiment_id)
    assert summary(story.fold.state).status == status
    ended_at = {"finished": 2.0, "failed": 99.0}.get(status)
    assert summary(story.fold.state).ended_at == ended_at


def test_nothing_is_shown_as_running_when_the_run_is_lost(story: Any) -> None:
    story.start_run(2)
    story.progress()
    story.job("RUNNING")
    story.progress()
    state = story.fold.state.experiments[0]
    for told in (row(state), detail(state)):
        shown = overlay_row(told, "lost")
        assert (shown.status, shown.error, shown.phase, shown.current_batch) == ("failed", "process lost", None, None)
        assert told.status == "running"
        assert overlay_row(told, "unknown") is overlay_row(told, "alive") is told
    shown = overlay_summary(summary(story.fold.state), "lost")
    assert (shown.status, shown.counts) == ("lost", {"failed": 1, "pending": 1})
    document = show_document(story.fold, "lost")
    assert (document["status"], document["experiments"][0]["status"]) == ("lost", "failed")


@pytest.mark.parametrize("liveness", ["alive", "lost", "unknown"])
def test_whether_the_run_lives_is_told_beside_what_the_events_say_and_never_in_it(story: Any, liveness: Any) -> None:
    story.start_run(2)
    story.job("RUNNING")
    shown = snapshot(story.fold, liveness)
    assert shown.liveness == liveness
    assert (shown.run.status, shown.experiments[0].status) == ("running", "running")


def test_what_was_shown_does_not_change_with_the_fold(story: Any) -> None:
    story.score(0, {"f1": 0.5})
    shown = [snapshot(story.fold, "alive"), detail(story.fold.state.experiments[0])]
    before = [msgspec.json.encode(each) for each in shown]
    story.score(1, {"f1": 0.6})
    story.score(0, {"f1": 0.9})
    story.save(0)
    assert [msgspec.json.encode(each) for each in shown] == before


def test_the_document_of_show_has_the_keys_of_the_contract(story: Any) -> None:
    story.start_run(2)
    story.configure(1, optimizer={"lr": 0.1})
    story.configure(0, optimizer={"lr": 0.2})
    story.score(0, {"f1": 0.5}, {"mse": 2.0})
    story.score(1, {"f1": 0.4}, {"mse": None})
    story.save(1)
    story.job("DONE", error="no memory")
    assert show_document(story.fold, "alive") == {
        "run_id": "2026-01-02--03-04-05",
        "status": "running",
        "liveness": "alive",
        "experiments": [
            {
                "experiment_id": 0,
                "config": {"optimizer": {"lr": 0.2}},
                "status": "failed",
                "epochs_done": 2,
                "best": {"val/f1": 0.5, "val/mse": 2.0},
                "last": {"val/f1": 0.4, "val/mse": None},
                "checkpoints": [{"epoch": 1, "step": 10, "sha256": "weights 1"}],
                "error": "no memory",
            },
            {
                "experiment_id": 1,
                "config": {"optimizer": {"lr": 0.1}},
                "status": "pending",
                "epochs_done": 0,
                "best": {},
                "last": {},
                "checkpoints": [],
                "error": None,
            },
        ],
    }


def test_only_what_differs_between_experiments_is_a_parameter() -> None:
    same = {"run": {"epochs": 5}, "list": [1, 2], "empty": {}}
    found = varying_parameters(
        {
            0: {**same, "lr": 1, "model": {"use": "mlp", "sizes": [1, 2]}, "metrics": [{"use": "f1", "average": "a"}]},
            1: {**same, "lr": 1.0, "model": {"use": "conv", "depth": 3}, "metrics": [{"use": "f1", "average": "b"}]},
        }
    )
    assert found == {
        0: {"lr": 1, "model.use": "mlp", "model.sizes": [1, 2], "metrics.0.average": "a"},
        1: {"lr": 1.0, "model.use": "conv", "model.depth": 3, "metrics.0.average": "b"},
    }
    assert varying_parameters({}) == {}
    assert varying_parameters({3: same}) == {3: {}}


def fold_delta(shown: RunSnapshot, delta: RunDelta) -> None:
    """What the board does with a delta, in the simplest words."""
    assert delta.from_offset == shown.offset
    rows = {each.experiment_id: each for each in [*shown.experiments, *delta.experiments]}
    shown.experiments = [rows[key] for key in sorted(rows)]
    shown.offset, shown.liveness, shown.run = delta.offset, delta.liveness, delta.run


@given(cuts=st.sets(st.integers(0, 33)))
def test_a_snapshot_and_the_deltas_after_it_equal_a_later_snapshot(cuts: set[int]) -> None:
    lines = golden_lines()
    ends = [*sorted(cuts), len(lines)]
    fold = RunFold()
    fold.feed(lines[: ends[0]])
    collector = DeltaCollector(fold)
    shown = snapshot(fold, "alive")
    points = all_points(fold)
    for start, end in pairwise(ends):
        collector.feed(lines[start:end])
        delta = collector.collect("alive")
        fold_delta(shown, delta)
        points |= {(experiment_id, key, epoch): value for experiment_id, key, epoch, value in delta.points}
    assert points == all_points(fold)
    shown.parameters = snapshot(fold, "alive").parameters
    assert shown == snapshot(fold, "alive")


def all_points(fold: RunFold) -> dict[tuple[int, str, int], float | None]:
    return {
        (experiment_id, key, int(epoch)): None if isnan(value) else value
        for experiment_id, key, points in fold.columns.select(Selection())
        for epoch, value in zip(points.xs, points.values, strict=True)
    }


def test_a_delta_has_only_what_was_touched(story: Any) -> None:
    story.configure(0)
    story.configure(1)
    collector = DeltaCollector(story.fold)
    assert collector.collect("alive").experiments == []
    collector.feed(line for line in golden_lines()[4:] if b'"experiment_id": 1' in line)
    delta = collector.collect("alive")
    assert [each.experiment_id for each in delta.experiments] == [1]
    assert {experiment_id for experiment_id, _, _, _ in delta.points} == {1}


def test_a_delta_of_nothing_tells_whether_the_run_lives(story: Any) -> None:
    story.job("RUNNING", experiment_id=0)
    collector = DeltaCollector(story.fold)
    for liveness in ("alive", "lost"):
        delta = collector.collect(liveness)
        assert (delta.liveness, delta.experiments, delta.points) == (liveness, [], [])
        assert delta.from_offset == delta.offset == 1


def test_choices_read_as_in_a_configuration() -> None:
    choices = {"model.use": "mlp", "model.bias": True, "model.at": None, "optimizer.betas": [0.9, 0.99]}
    assert choices_text(choices) == "model.use=mlp, model.bias=true, model.at=null, optimizer.betas=[0.9, 0.99]"
