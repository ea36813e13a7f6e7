"""Experiments that end badly: each is told with its reason, and the others are trained."""

import pytest

TORN = '''\
"""Samples of which one cannot be read."""

import torch

from mlgym_core import register


class Rows:
    def __len__(self):
        return 30

    def __getitem__(self, index):
        if index == 20:
            raise ValueError(f"row {index} is torn")
        return torch.full((4,), float(index)), torch.tensor(index % 3)


@register("data", "torn")
def torn():
    return {"train": Rows()}
'''


def errors(workplace) -> list[str | None]:
    return [each["error"] for each in workplace.show()["experiments"]]


def grid_of_ways(workplace, *ways: str):
    return workplace.grid_with(f"{{use: misfortune, way: {{sweep: [{', '.join(ways)}]}}}}")


@pytest.mark.parametrize(
    ("way", "error"),
    [
        ("raise", "ArithmeticError: the weights fell out"),
        ("exit", "SystemExit: 3"),
        ("kill", "the worker process was killed by signal 9 (SIGKILL)"),
        ("segfault", "the worker process was killed by signal 11 (SIGSEGV)"),
        ("surrogate", r"FileNotFoundError: data-\udcff.csv"),
        ("thread", "the worker process ended with exit status 1"),
    ],
)
def test_a_failed_experiment_is_told_and_the_others_are_trained(mlgym, workplace, way: str, error: str) -> None:
    config = grid_of_ways(workplace, "none", way, "none", way, "none")

    done = mlgym("run", config, "--process_count", "2")

    assert done.status == 1
    assert workplace.statuses() == ["finished", "failed", "finished", "failed", "finished"]
    assert errors(workplace) == [None, error, None, error, None]
    assert error in done.out
    ended = workplace.events("run_ended")[-1]["payload"]
    assert (ended["reason"], ended["counts"]) == ("failed", {"finished": 3, "failed": 2})


def test_the_trace_of_an_exception_is_in_the_log_and_in_a_file_but_not_on_the_terminal(mlgym, workplace) -> None:
    done = mlgym("run", grid_of_ways(workplace, "raise"))

    [ended] = [each["payload"] for each in workplace.events("job_status") if each["payload"]["status"] == "DONE"]
    assert "in misbehave" in ended["stacktrace"]
    kept = workplace.run().path / f"{workplace.run().run_id}.log"
    assert "in misbehave" in kept.read_text()
    assert str(kept) in done.out
    assert "Traceback" not in done.out + done.err


def test_what_a_process_that_makes_batches_cannot_read_is_told_and_nothing_else(start_mlgym, workplace) -> None:
    (workplace.path / "torn.py").write_text(TORN)
    grid = workplace.write(
        "imports: [torn]\nrun: {epochs: 1}\ndata: torn\nmodel: {use: mlp, sizes: [4,3]}\noptimizer: {use: sgd, lr: 1}\n"
        "loss: cross_entropy\nmetrics: []\nloaders: {splits: {train: $data.train}, batch_size: 5, num_workers: 1}\n"
    )

    done = start_mlgym("run", grid).end()

    assert (done.status, done.err) == (1, "")
    assert errors(workplace) == ["ValueError: row 20 is torn"]


def test_a_crash_says_where_it_was(mlgym, workplace) -> None:
    mlgym("run", grid_of_ways(workplace, "segfault"))

    [ended] = [each["payload"] for each in workplace.events("job_status") if each["payload"]["status"] == "DONE"]
    assert "Segmentation fault" in ended["stacktrace"]
    assert "in misbehave" in ended["stacktrace"]


@pytest.mark.parametrize("executor", ["processes", "main_process"])
def test_training_may_change_its_directory(run_script, workplace, executor: str) -> None:
    grid = grid_of_ways(workplace, "chdir", "none")

    done = run_script(
        "import mlgym_core\nmlgym_core.main()\n",
        *("run", grid, "--event_storage_path", "../storage", "--process_count", "1", "--executor", executor),
    )

    assert (done.status, done.err) == (0, "")
    assert workplace.statuses() == ["finished", "finished"]
    assert workplace.run().checkpoint_epochs(1) == [1]


def test_fail_fast_begins_nothing_after_a_failure(mlgym, workplace) -> None:
    done = mlgym("run", grid_of_ways(workplace, "none", "raise", "none", "none"), "--fail-fast")

    assert done.status == 1
    assert workplace.statuses() == ["finished", "failed", "pending", "pending"]
    assert workplace.events("run_ended")[-1]["payload"]["reason"] == "failed"


def test_in_this_process_an_exception_ends_its_experiment_alone(start_mlgym, workplace) -> None:
    grid = grid_of_ways(workplace, "none", "raise", "exit", "none")

    done = start_mlgym("run", grid, "--executor", "main_process").end()

    assert done.status == 1
    assert workplace.statuses() == ["finished", "failed", "failed", "finished"]


def test_an_interrupted_save_leaves_no_checkpoint_that_the_log_does_not_know(mlgym, workplace) -> None:
    mlgym("run", grid_of_ways(workplace, "kill", "none"), "--process_count", "2")

    shown = workplace.show()["experiments"]
    known = [[checkpoint["epoch"] for checkpoint in each["checkpoints"]] for each in shown]
    assert known == [workplace.run().checkpoint_epochs(0), workplace.run().checkpoint_epochs(1)] == [[], [1]]
