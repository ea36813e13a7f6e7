"""Ctrl-C, SIGTERM and a killed runner: what the log says afterwards, and that no process is left."""

import signal
import time

import pytest


def begun(workplace, num_epochs: int = 1):
    """Whether two experiments have been trained for some epochs."""

    def check() -> bool:
        if not workplace.storage.runs():
            return False
        return sum(each["epochs_done"] >= num_epochs for each in workplace.show()["experiments"]) >= 2

    return check


def running(workplace, num_experiments: int):
    """Whether the first experiments are in training."""

    def check() -> bool:
        if not workplace.storage.runs():
            return False
        shown = workplace.show()["experiments"]
        return [each["status"] for each in shown[:num_experiments]] == ["running"] * num_experiments

    return check


def slow_grid(workplace, model: str = "{use: sleeper, seconds: 0.1}"):
    """Three experiments of a hundred epochs, six batches each: minutes, if nobody stopped them."""
    return workplace.grid_with(model, **{"lr: 1e-2": "lr: {sweep: [1e-2, 1e-3, 1e-4]}", "epochs: 2": "epochs: 100"})


@pytest.fixture
def never_checked(workplace):
    """A grid whose module takes longer to import than anybody waits: nothing is made of it."""
    (workplace.path / "models.py").write_text("import time\n\ntime.sleep(600)\n")
    return slow_grid(workplace)


@pytest.mark.parametrize(("number", "to_group"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_the_first_signal_ends_after_the_running_epoch_with_its_checkpoint(
    start_mlgym, workplace, number: signal.Signals, to_group: bool
) -> None:
    started = start_mlgym("run", slow_grid(workplace), "--process_count", "2")
    started.wait_until(begun(workplace))
    started.send(number, to_group=to_group)
    done = started.end()

    assert done.status == 1, done.err
    assert "Traceback" not in done.err
    shown = workplace.show()
    assert (shown["status"], workplace.statuses()) == ("stopped", ["stopped", "stopped", "pending"])
    for each in shown["experiments"][:2]:
        assert f"stopped by {number.name}" in each["error"]
        assert [checkpoint["epoch"] for checkpoint in each["checkpoints"]] == [each["epochs_done"] - 1]
    [requested] = workplace.events("control_requested")
    answers = workplace.events("control_answered")
    assert [each["payload"]["obeyed"] for each in answers] == [True, True]
    assert {each["payload"]["request"] for each in answers} == {requested["payload"]["request"]}
    ended = workplace.events("run_ended")[-1]["payload"]
    assert (ended["reason"], ended["counts"]) == ("stopped", {"stopped": 2, "pending": 1})
    assert started.survivors() == []


def test_the_second_signal_ends_at_once_and_the_log_still_says_so(start_mlgym, workplace) -> None:
    started = start_mlgym("run", slow_grid(workplace, "{use: parent, seconds: 30}"), "--process_count", "2")
    started.wait_until(running(workplace, 2))
    started.send(signal.SIGINT, to_group=True)
    started.wait_until(lambda: len(workplace.events("control_requested")) == 1)
    started.send(signal.SIGINT, to_group=True)
    done = started.end()

    assert done.status == 1
    assert "Traceback" not in done.err
    shown = workplace.show()
    assert (shown["status"], workplace.statuses()) == ("stopped", ["stopped", "stopped", "pending"])
    assert [each["error"] for each in shown["experiments"][:2]] == ["stopped at once: SIGINT came a second time"] * 2
    assert workplace.events("run_ended")[-1]["payload"]["reason"] == "stopped"
    assert started.survivors() == []


@pytest.mark.parametrize("num_signals", [1, 2])
def test_a_run_in_this_process_is_stopped_alike(start_mlgym, workplace, num_signals: int) -> None:
    seconds = 0.1 if num_signals == 1 else 30
    grid = slow_grid(workplace, f"{{use: sleeper, seconds: {seconds}}}")
    started = start_mlgym("run", grid, "--executor", "main_process")
    started.wait_until(running(workplace, 1))
    # Python counts a signal once that comes twice while it is busy in C: two kinds of them cannot become one.
    for number in (signal.SIGINT, signal.SIGTERM)[:num_signals]:
        started.send(number)
    done = started.end()

    assert done.status == 1, done.err
    assert "Traceback" not in done.err
    assert workplace.show()["status"] == "stopped"
    assert workplace.statuses() == ["stopped", "pending", "pending"]
    assert started.survivors() == []


@pytest.mark.parametrize("numbers", [(signal.SIGINT,), (signal.SIGTERM, signal.SIGTERM, signal.SIGINT)])
def test_an_interrupt_before_anything_was_made_makes_nothing(start_mlgym, workplace, never_checked, numbers) -> None:
    started = start_mlgym("run", never_checked)
    started.wait_until(lambda: len(started.children()) >= 2)
    for number in numbers:
        started.send(number, to_group=True)
        time.sleep(0.02)
    done = started.end()

    assert done.status == 1
    assert "interrupted" in done.err
    assert "Traceback" not in done.err
    assert not workplace.storage.path.exists()
    assert started.survivors() == []


def test_a_run_in_the_background_of_a_shell_hears_an_interrupt_too(start_mlgym, workplace, never_checked) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        started = start_mlgym("run", never_checked)
    finally:
        signal.signal(signal.SIGINT, before)
    started.wait_until(lambda: len(started.children()) >= 2)
    started.send(signal.SIGINT)
    done = started.end()

    assert (done.status, "interrupted" in done.err) == (1, True), done
    assert not workplace.storage.path.exists()
    assert started.survivors() == []


def test_a_killed_runner_leaves_no_process_and_the_run_is_lost(start_mlgym, workplace) -> None:
    started = start_mlgym("run", slow_grid(workplace, "{use: parent, seconds: 0.1}"), "--process_count", "2")
    started.wait_until(begun(workplace))
    assert workplace.show()["liveness"] == "alive"
    started.send(signal.SIGKILL)
    started.end()

    assert started.survivors() == []
    shown = workplace.show()
    assert (shown["status"], shown["liveness"]) == ("lost", "lost")
    assert workplace.statuses() == ["failed", "failed", "pending"]
    assert shown["experiments"][0]["error"] == "process lost"


def test_a_killed_worker_leaves_the_rest_of_the_grid_finished(start_mlgym, workplace) -> None:
    grid = workplace.grid_with("patient", **{"lr: 1e-2": "lr: {sweep: [1e-2, 1e-3, 1e-4]}"})
    held = workplace.path / "held"
    held.touch()
    started = start_mlgym("run", grid, "--process_count", "2")
    started.wait_until(running(workplace, 2))
    attempt = workplace.events("attempt_started")[0]["payload"]
    started.kill(attempt["pid"])
    held.unlink()
    done = started.end()

    assert done.status == 1
    statuses = workplace.statuses()
    assert statuses[attempt["experiment_id"]] == "failed"
    assert statuses.count("finished") == 2
    error = workplace.show()["experiments"][attempt["experiment_id"]]["error"]
    assert error == "the worker process was killed by signal 9 (SIGKILL)"
    assert started.survivors() == []
