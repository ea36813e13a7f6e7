"""What a run's state is after its events."""

from __future__ import annotations

from collections.abc import Callable
from math import isnan
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgym_core.errors import StoreError
from mlgym_core.events.codec import encode_event, encode_foreign
from mlgym_core.events.projections.run_fold import RunFold
from mlgym_core.events.projections.run_state import ExperimentState, ScoreAt
from mlgym_core.events.types import (
    ControlRequested,
    Divergence,
    Dropped,
    Event,
    GpuUse,
    LogLines,
    NetworkUse,
    RunTrashed,
)

GOLDEN = Path(__file__).parents[3] / "golden" / "mlgym_0_0_75"


def first(story: Any) -> ExperimentState:
    return story.fold.state.experiments[0]


def series(fold: RunFold, key: str = "val/f1", experiment_id: int = 0) -> dict[int, float | None]:
    points = fold.columns.scores[experiment_id][key].read()
    return {epoch: None if isnan(value) else value for epoch, value in zip(points.xs, points.values, strict=True)}


def test_an_experiment_goes_from_pending_over_running_to_finished(story: Any) -> None:
    assert story.configure(run={"epochs": 5}) == {0}
    assert (first(story).status, first(story).num_epochs, first(story).config) == ("pending", 5, {"run": {"epochs": 5}})
    story.job("INIT")
    assert (first(story).status, first(story).started_at) == ("pending", None)
    story.attempt()
    assert (first(story).status, first(story).attempt, first(story).host, first(story).pid) == ("running", 1, "here", 7)
    story.job("RUNNING", starting_time=50.5, device="cuda:4")
    assert (first(story).started_at, first(story).device) == (50.5, "cuda:4")
    story.job("DONE", starting_time=50.5, finishing_time=60.5)
    assert (first(story).status, first(story).finished_at, first(story).error) == ("finished", 60.5, None)
    assert first(story).device == "cuda:4"


def test_times_that_are_not_known_are_those_of_the_events(story: Any) -> None:
    story.job("RUNNING")
    story.job("DONE", error="")
    assert (first(story).started_at, first(story).finished_at, first(story).status) == (1.0, 2.0, "finished")


def test_an_experiment_that_ended_with_an_error_failed(story: Any) -> None:
    story.job("RUNNING")
    story.job("DONE", error="no memory", stacktrace="Traceback")
    assert (first(story).status, first(story).error, first(story).stacktrace) == ("failed", "no memory", "Traceback")


@pytest.mark.parametrize("experiment_id", [0, None])
def test_an_experiment_that_obeyed_a_stop_is_stopped(story: Any, experiment_id: int | None) -> None:
    story.job("RUNNING")
    story.answer_stop(experiment_id)
    story.job("DONE", error="stopped")
    assert first(story).status == "stopped"


def test_the_answer_to_a_stop_may_come_after_the_end(story: Any) -> None:
    story.job("DONE", error="stopped")
    assert story.answer_stop(0) == {0}
    assert first(story).status == "stopped"


def test_a_stop_of_the_run_leaves_an_earlier_failure_and_another_experiment_as_they_are(story: Any) -> None:
    story.job("DONE", error="no memory")
    story.job("RUNNING", experiment_id=1)
    assert story.answer_stop(None) == frozenset()
    story.job("DONE", experiment_id=1)
    assert [each.status for each in story.fold.state.experiments.values()] == ["failed", "finished"]


def test_a_stop_that_was_not_obeyed_does_not_count(story: Any) -> None:
    story.answer_stop(0, obeyed=False)
    story.job("DONE", error="no memory")
    assert first(story).status == "failed"


def test_a_further_attempt_forgets_how_the_one_before_ended(story: Any) -> None:
    story.attempt()
    story.answer_stop(0)
    story.job("DONE", error="stopped", stacktrace="Traceback")
    story.attempt(attempt=2)
    state = first(story)
    assert (state.status, state.attempt, state.error, state.stacktrace, state.finished_at) == (
        "running",
        2,
        None,
        None,
        None,
    )
    story.job("DONE", error="no memory")
    assert first(story).status == "failed"


def test_a_job_that_is_no_calculation_touches_nothing(story: Any) -> None:
    assert story.job("DONE", job_type=2) == frozenset()
    assert story.fold.state.experiments == {}


def test_progress_is_shown_until_the_end(story: Any) -> None:
    story.progress(current_batch=5)
    state = first(story)
    assert (state.phase, state.current_epoch, state.current_split) == ("train", 1, "train")
    assert (state.current_batch, state.num_batches, state.num_epochs) == (5, 9, 5)
    story.job("DONE")
    assert (state.phase, state.current_split, state.current_batch, state.num_batches) == (None, None, None, None)


def test_a_metric_is_best_at_its_highest_and_a_loss_at_its_lowest(story: Any) -> None:
    for epoch, value in enumerate([0.5, 0.7, 0.7, 0.6]):
        story.score(epoch, {"f1": value}, {"mse": value})
    assert first(story).best == {"val/f1": ScoreAt(value=0.7, epoch=1), "val/mse": ScoreAt(value=0.5, epoch=0)}
    assert first(story).last == {"val/f1": ScoreAt(value=0.6, epoch=3), "val/mse": ScoreAt(value=0.6, epoch=3)}
    assert series(story.fold) == {0: 0.5, 1: 0.7, 2: 0.7, 3: 0.6}
    assert first(story).epochs_done == 4


@pytest.mark.parametrize(
    "metrics",
    [
        [{"use": "f1"}, {"use": "brier", "goal": "min"}],
        {"use": "brier", "goal": "min"},
        [{"use": "brier_score_loss", "name": "brier", "goal": "min"}],
    ],
)
def test_a_metric_whose_goal_is_min_is_best_at_its_lowest(story: Any, metrics: Any) -> None:
    story.configure(metrics=metrics)
    story.score(0, {"brier": 0.2, "f1": 0.2})
    story.score(1, {"brier": 0.3, "f1": 0.3})
    assert first(story).best["val/brier"].value == 0.2
    assert first(story).best["val/f1"].value == 0.3


def test_a_score_that_is_no_number_is_last_but_never_best(story: Any) -> None:
    story.score(0, {"f1": None})
    assert first(story).best == {}
    assert first(story).last == {"val/f1": ScoreAt(value=None, epoch=0)}
    story.score(1, {"f1": 0.1})
    story.score(2, {"f1": None})
    assert first(story).best == {"val/f1": ScoreAt(value=0.1, epoch=1)}
    assert first(story).last == {"val/f1": ScoreAt(value=None, epoch=2)}


def test_a_result_that_is_told_again_replaces_the_first(story: Any) -> None:
    story.score(0, {"f1": 0.9})
    story.score(1, {"f1": 0.5})
    story.score(0, {"f1": 0.1})
    assert list(series(story.fold).items()) == [(0, 0.1), (1, 0.5)]
    assert first(story).best["val/f1"] == ScoreAt(value=0.5, epoch=1)
    assert first(story).last["val/f1"] == ScoreAt(value=0.5, epoch=1)


@given(
    results=st.lists(
        st.tuples(st.integers(0, 6), st.none() | st.floats(-1, 1), st.none() | st.floats(-1, 1)),
        min_size=1,
        max_size=20,
    )
)
def test_scores_are_those_of_the_last_result_of_each_epoch(
    results: list[tuple[int, float | None, float | None]], tell_story: Callable[[], Any]
) -> None:
    story = tell_story()
    for epoch, f1, mse in results:
        story.score(epoch, {"f1": f1}, {"mse": mse})
    state = first(story)
    for key, column, pick in (("val/f1", 1, max), ("val/mse", 2, min)):
        by_epoch = dict(sorted({result[0]: result[column] for result in results}.items()))
        assert list(series(story.fold, key).items()) == list(by_epoch.items())
        known = {epoch: value for epoch, value in by_epoch.items() if value is not None}
        if known:
            value = pick(known.values())
            epoch = next(epoch for epoch, each in known.items() if each == value)
            assert state.best[key] == ScoreAt(value=value, epoch=epoch)
        else:
            assert key not in state.best
        last = max(by_epoch)
        assert state.last[key] == ScoreAt(value=by_epoch[last], epoch=last)


def test_checkpoints_are_those_that_were_not_deleted_in_order(story: Any) -> None:
    for epoch in (1, 0, 2, 1):
        story.save(epoch)
    story.delete(0)
    story.delete(7)
    assert [each.epoch for each in first(story).checkpoints] == [1, 2]
    newest = first(story).checkpoints[-1]
    assert (newest.step, newest.weights_sha256, newest.kept_as, newest.saved_at) == (20, "weights 2", ["last"], 3.0)
    assert newest.resources[0].name == "model.safetensors"


@pytest.mark.parametrize(
    ("reason", "status", "error"),
    [("stopped", "stopped", None), ("lost", "failed", "process lost"), ("finished", "running", None)],
)
def test_the_end_of_a_run_ends_what_still_runs(story: Any, reason: str, status: str, error: str | None) -> None:
    story.start_run(3)
    story.configure(0)
    story.job("RUNNING", experiment_id=1)
    story.job("DONE", experiment_id=2)
    touched = story.end_run(reason)
    assert touched == (frozenset() if reason == "finished" else {1})
    found = story.fold.state.experiments
    assert [each.status for each in found.values()] == ["pending", status, "finished"]
    assert found[1].error == error


def test_an_experiment_that_is_taken_up_again_is_not_stopped_any_more(story: Any) -> None:
    story.start_run()
    story.attempt()
    story.answer_stop(0)
    story.job("DONE", error="stopped by SIGINT")
    story.job("INIT")
    assert first(story).status == "pending"
    story.job("DONE", error="its worker died before it began")
    assert first(story).status == "failed"


def test_a_run_that_begins_again_is_not_ended(story: Any) -> None:
    story.start_run()
    story.answer_stop(None)
    story.end_run("stopped")
    assert story.fold.state.ended is not None
    story.start_run()
    assert story.fold.state.ended is None
    assert (story.fold.state.started_at, story.fold.state.ended_at) == (1.0, None)
    story.job("DONE", error="no memory")
    assert first(story).status == "failed"


def test_events_that_this_version_does_not_know_count_and_change_nothing(story: Any) -> None:
    assert story.fold.apply(None, 3) == frozenset()
    assert story.tell(ControlRequested, action="stop", by="user", request="1") == frozenset()
    assert (story.fold.state.num_events, story.fold.size_bytes) == (2, 3)
    assert story.fold.state.experiments == {}
    assert story.fold.state.last_event_at == 1.0


def test_an_epoch_that_no_column_can_hold_is_one_that_is_not_understood(story: Any) -> None:
    assert story.score(2**31, {"f1": 0.5}) == story.score(-1, {"f1": 0.5}) == frozenset()
    assert story.score(2**31 - 1, {"f1": 0.5}) == {0}
    assert series(story.fold) == {2**31 - 1: 0.5}


def test_numbers_that_nothing_has_are_told_of_nothing(story: Any) -> None:
    many = 10**400
    assert story.job("RUNNING", experiment_id=many) == story.job("RUNNING", experiment_id=-1) == frozenset()
    story.sample(rss_bytes=many)
    assert "rss_bytes" not in story.fold.columns.system
    story.fold.apply(
        Event(event_type="run_trashed", creation_ts=many, payload=RunTrashed(grid_search_id="r", by="me")), 0
    )
    assert (story.fold.state.experiments, story.fold.state.last_event_at) == ({}, 0.0)


def test_log_lines_are_counted_and_found_where_they_stand(story: Any) -> None:
    lines = [
        encode_event(LogLines(grid_search_id="r", experiment_id=experiment_id, stream=stream, lines=["a"] * count))
        for experiment_id, stream, count in [(None, "stdout", 1), (3, "stderr", 2), (3, "stderr", 3)]
    ]
    assert story.fold.feed(lines) == {3}
    assert (story.fold.state.num_log_lines, story.fold.state.experiments[3].num_log_lines) == (6, 5)
    starts = [0, len(lines[0]) + 1, len(lines[0]) + len(lines[1]) + 2]
    logs = story.fold.columns.logs
    assert {key: (list(each.event_ids), list(each.starts)) for key, each in logs.items()} == {
        (None, "stdout"): ([0], starts[:1]),
        (3, "stderr"): ([1, 2], starts[1:]),
    }


def test_samples_of_the_machine_become_columns(story: Any) -> None:
    gpu = GpuUse(index=1, name="H", percent=None, memory_used_bytes=7)
    for rss in (5, 6):
        story.sample(rss_bytes=rss, gpus=[gpu], network=NetworkUse(sent_bytes_per_s=1.5, received_bytes_per_s=0))
    columns = story.fold.columns.system
    assert {key: list(column.values) for key, column in columns.items()} == {
        "cpu_percent": [50.0, 50.0],
        "rss_bytes": [5.0, 6.0],
        "memory_used_bytes": [3.0, 3.0],
        "gpu/1/memory_used_bytes": [7.0, 7.0],
        "network/sent_bytes_per_s": [1.5, 1.5],
        "network/received_bytes_per_s": [0.0, 0.0],
    }
    assert list(columns["rss_bytes"].xs) == [1.0, 2.0]
    assert story.fold.state.system.rss_bytes == 6


def test_what_went_wrong_with_the_log_is_counted(story: Any) -> None:
    for count in (3, 4):
        story.tell(Dropped, event_type="log", count=count)
    story.tell(Divergence, experiment_id=0, key="evaluation_result/3/val", stored={}, repeated={})
    state = story.fold.state
    assert (state.num_dropped, state.num_divergences) == (7, 1)


def test_a_line_without_an_event_is_an_error() -> None:
    with pytest.raises(StoreError):
        RunFold().feed([b"{}"])


def test_feeding_in_pieces_gives_the_same_state() -> None:
    lines = (GOLDEN / "event_storage.log").read_bytes().splitlines()
    whole = RunFold()
    assert whole.feed(lines) == {0, 1, 2, 3}
    for cut in range(len(lines)):
        pieces = RunFold()
        pieces.feed(lines[:cut])
        pieces.feed(lines[cut:])
        assert (pieces.state, pieces.size_bytes) == (whole.state, whole.size_bytes)


def test_an_event_of_another_program_is_folded_as_far_as_it_is_understood() -> None:
    fold = RunFold()
    event = {
        "event_type": "job_status",
        "creation_ts": 1,
        "payload": {"grid_search_id": "r", "experiment_id": "7", "job_id": "r-7", "status": "RUNNING", "more": 1},
    }
    assert fold.feed([encode_foreign(event)[1]]) == {7}
