"""What REST and socket see of runs."""

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from ml_board.runs.views import RunView, RunViews
from mlgym_core.errors import StoreError
from mlgym_core.events.folder import EventStorage
from mlgym_core.events.projections.run_state import RunDelta, RunSnapshot, ScoreAt
from mlgym_core.events.projections.views import snapshot
from mlgym_core.events.snapshots import open_fold


@pytest.fixture
def views(storage):
    return RunViews(storage.path)


def test_a_view_follows_the_log(views, recording):
    view = views.open(recording.run_id)
    before = view.snapshot()
    recording.publish(recording.result(1, 0, 0.5))
    after = view.snapshot()
    assert (before.offset, after.offset) == (5, 6)
    assert before.experiments[1].last == {}
    assert after.experiments[1].last["val/f1"] == ScoreAt(value=0.5, epoch=0)


def test_a_run_is_lost_when_nobody_holds_its_log(views, recording):
    view = views.open(recording.run_id)
    assert (view.snapshot().liveness, view.snapshot().run.status) == ("alive", "running")
    recording.close()
    snapshot = view.snapshot()
    assert (snapshot.liveness, snapshot.run.status) == ("lost", "running")
    assert [row.status for row in snapshot.experiments] == ["running", "running"]


def test_lines_that_the_own_writer_has_not_synced_are_not_seen(storage, recording):
    committed = {recording.run_id: 2}
    view = RunView(recording.folder, committed)
    assert view.snapshot().offset == 2
    committed[recording.run_id] = 4
    assert view.snapshot().offset == 4
    del committed[recording.run_id]
    assert view.snapshot().offset == 5


def test_a_log_that_was_rewritten_is_read_anew(views, recording):
    view = views.open(recording.run_id)
    recording.publish(recording.result(0, 0, 0.25))
    assert view.snapshot().offset == 6
    recording.close()
    lines = recording.folder.log_path.read_bytes().splitlines(keepends=True)
    recording.folder.log_path.write_bytes(b"".join(lines[:3]))
    assert view.snapshot().offset == 3


def test_a_damaged_log_is_an_error_and_is_listed_as_far_as_it_can_be_read(views, recording):
    recording.close()
    with recording.folder.log_path.open("ab") as log:
        log.write(b"no event\n")
    for _ in range(2):
        with pytest.raises(StoreError, match=rf"run {recording.run_id} is damaged at line 5 ") as damage:
            views.open(recording.run_id).snapshot()
        assert damage.value.code == "MG405"
    assert [run.num_events for run in views.listed()] == [5]


def test_a_log_that_cannot_be_read_is_an_error_until_it_can(views, recording):
    view = views.open(recording.run_id)
    recording.close()
    kept = recording.folder.log_path.rename(recording.folder.path / "kept")
    recording.folder.log_path.mkdir()
    with pytest.raises(StoreError, match=r"cannot read .*event_storage\.log") as refusal:
        view.snapshot()
    assert refusal.value.code == "MG412"
    recording.folder.log_path.rmdir()
    kept.rename(recording.folder.log_path)
    assert view.snapshot().offset == 5


def test_runs_are_listed_newest_first_and_as_they_are_now(views, recording, storage, record):
    older = record(storage.run("2026-11-20--10-00-00"))
    older.start(num_experiments=1)
    older.end()
    older.close()
    assert [(run.run_id, run.liveness, run.status) for run in views.listed()] == [
        (recording.run_id, "alive", "running"),
        ("2026-11-20--10-00-00", "lost", "finished"),
    ]
    recording.publish(recording.job(0, "DONE"))
    assert views.listed()[0].counts == {"finished": 1, "running": 1}
    recording.close()
    assert views.listed()[0].liveness == "lost"


def test_a_list_does_not_drive_out_the_views_that_are_looked_at(storage, recording, record):
    for day in range(1, 10):
        older = record(storage.run(f"2026-11-{day:02}--10-00-00"))
        older.start(num_experiments=1)
        older.close()
    views = RunViews(storage.path, num_kept=2)
    view = views.open(recording.run_id)
    assert len(views.listed()) == 10
    assert views.open(recording.run_id) is view


def test_views_that_nobody_asks_for_are_forgotten(storage, recording):
    views = RunViews(storage.path, num_kept=1)
    view = views.open(recording.run_id)
    views.view("2026-11-20--10-00-00")
    assert views.open(recording.run_id) is not view


def test_views_of_long_logs_are_fewer(storage, recording, record):
    older = record(storage.run("2026-11-20--10-00-00"))
    older.start()
    older.close()
    size_bytes = recording.folder.log_path.stat().st_size
    for max_bytes, is_kept in [(3 * size_bytes, True), (size_bytes, False)]:
        views = RunViews(storage.path, max_bytes=max_bytes)
        view = views.open(recording.run_id)
        view.snapshot()
        views.open(older.run_id).snapshot()
        views.open(older.run_id)
        assert (views.open(recording.run_id) is view) == is_kept


def test_past_moments_are_told_in_any_order_while_the_run_goes_on(views, recording):
    view = views.open(recording.run_id)
    for epoch in range(5):
        recording.publish(recording.result(0, epoch, epoch / 10))
    for at in (3, 7, 7, 6, 9, 0, 8):
        fold, _ = open_fold(recording.folder, at)
        assert view.snapshot(at).run == snapshot(fold, "alive").run
        if fold.state.experiments:
            assert view.experiment(0, at).last == fold.state.experiments[0].last
        recording.publish(recording.result(1, at, 0.5))
    assert view.snapshot().offset == 17


@pytest.mark.parametrize("run_id", ["../evil", "", None, 3, ".hidden", "a/b"])
def test_what_is_no_run_id_is_refused(views, run_id):
    with pytest.raises(StoreError) as refusal:
        views.open(run_id)
    assert refusal.value.code == "MG401"


def test_an_experiment_has_its_system_info(views, recording):
    path = recording.folder.experiment_config_path(0, "system_info.json")
    path.parent.mkdir()
    path.write_text('{"cpu": "some"}')
    view = views.open(recording.run_id)
    assert view.experiment(0).system_info == {"cpu": "some"}
    assert view.experiment(1).system_info is None
    assert view.experiment(1).config["optimizer"] == {"lr": 0.2}
    with pytest.raises(StoreError, match="no experiment 2"):
        view.experiment(2)


def fold_on(snapshot: RunSnapshot, delta: RunDelta) -> RunSnapshot:
    """What the board does with a delta that follows on its snapshot."""
    assert delta.from_offset == snapshot.offset
    rows = {row.experiment_id: row for row in snapshot.experiments}
    rows |= {row.experiment_id: row for row in delta.experiments}
    return RunSnapshot(
        offset=delta.offset,
        liveness=delta.liveness,
        run=delta.run,
        experiments=[rows[key] for key in sorted(rows)],
        parameters=snapshot.parameters,
    )


STEPS = strategies.lists(
    strategies.one_of(
        strategies.tuples(strategies.just("result"), strategies.integers(0, 1), strategies.integers(0, 5)),
        strategies.sampled_from([("done",), ("delta",), ("watch",), ("look",)]),
    ),
    max_size=25,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(steps=STEPS)
def test_a_snapshot_and_its_deltas_are_the_snapshot_of_later(record, tmp_path_factory, steps):
    folder = EventStorage(tmp_path_factory.mktemp("runs")).run("r")
    recording = record(folder)
    recording.start()
    view = RunView(folder, {})
    _, shown = view.begin_watch()
    for step in steps:
        match step:
            case ("result", experiment_id, epoch):
                recording.publish(recording.result(experiment_id, epoch, epoch / 10))
            case ("done",):
                recording.publish(recording.job(0, "DONE", error="broken"))
            case ("delta",):
                shown = fold_on(shown, view.delta())
            case ("look",):
                view.summary()
            case ("watch",):
                before, of_another = view.begin_watch()
                shown = fold_on(shown, before)
                assert shown == of_another
    shown = fold_on(shown, view.delta())
    assert shown == view.snapshot()
    recording.close()
