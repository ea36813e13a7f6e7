"""`mlgym resume`: what goes on, and to which bits; what is left alone, and what is refused."""

import json
import os
import signal
import subprocess

import pytest

import mlgym_core
from mlgym_core.cli.commands import perform
from mlgym_core.cli.options import mlgym_parser
from mlgym_core.events.log_reader import LogReader
from mlgym_core.events.projections.equality import differences

FRAGILE = '''\
"""Models that break as long as a file lies beside them."""

import os
import signal
import time
from pathlib import Path

from torch import nn

from mlgym_core import register

TRAP = Path(__file__).with_name("trap")


@register("model", "fragile")
class Fragile(nn.Module):
    """Breaks at the given batch while the trap is there: raises, or is killed, or stays where the trap says so."""

    def __init__(self, at: int = 10, hidden: int = 8):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, hidden), nn.Dropout(0.2), nn.Linear(hidden, 3))
        self.at = at
        self.num_batches = 0

    def forward(self, features):
        if self.training and len(features) > 2:
            self.num_batches += 1
            if self.num_batches == self.at and TRAP.exists():
                way = TRAP.read_text()
                if way == "kill":
                    os.kill(os.getpid(), signal.SIGKILL)
                if way == "stay":
                    time.sleep(600)
                raise ArithmeticError("the weights fell out")
        return self.layers(features)
'''


@pytest.fixture
def grid(workplace):
    """Two experiments of three epochs, of which the second breaks in its last epoch while `trap` is there."""
    (workplace.path / "fragile.py").write_text(FRAGILE)
    text = workplace.grid_with("{use: fragile, at: {sweep: [1000, 16]}}", **{"epochs: 2": "epochs: 3"}).read_text()
    return workplace.write(text.replace("[models]", "[fragile]"))


@pytest.fixture
def trap(workplace):
    path = workplace.path / "trap"
    path.write_text("raise")
    return path


def commit(folder, message: str) -> None:
    """All that lies there, in a repository of its own."""
    who = ("-c", "user.name=someone", "-c", "user.email=someone@example.org")
    for command in (("init", "-q"), ("add", "-A"), (*who, "commit", "-q", "--allow-empty", "-m", message)):
        subprocess.run(["git", "-C", str(folder), *command], check=True)


def log(run) -> list[bytes]:
    return LogReader(run).poll()


def test_a_failed_experiment_goes_on_from_its_checkpoint_and_a_finished_one_is_left_alone(
    mlgym, workplace, grid, trap
) -> None:
    assert mlgym("run", grid).status == 1
    assert workplace.statuses() == ["finished", "failed"]
    broken = workplace.run()
    first_start = workplace.events("run_started")[0]["creation_ts"]
    trap.unlink()

    done = mlgym("resume", "last")

    assert done.status == 0, done.err
    assert "experiment 0 finished" not in done.out
    assert workplace.statuses() == ["finished", "finished"]
    assert [each["payload"]["experiment_id"] for each in workplace.events("attempt_started")] == [0, 1, 1]
    again = workplace.events("attempt_started")[-1]["payload"]
    assert (again["attempt"], again["resumed_from"]) == (2, {"epoch": 1, "step": 12, "batch": None})
    [listed] = mlgym("runs", "--json").document
    assert (listed["status"], listed["started_at"]) == ("finished", first_start / 1e6)
    assert len(workplace.events("run_started")) == len(workplace.events("run_ended")) == 2

    assert mlgym("run", grid).status == 0
    assert workplace.run().run_id != broken.run_id
    assert differences(log(broken), log(workplace.run())) == []
    shown = mlgym("show", broken.run_id).out.splitlines()
    assert [line.split()[:3] for line in shown[3:]] == [["0", "finished", "1"], ["1", "finished", "2"]]
    assert mlgym("verify", broken.run_id).status == 0


def test_nothing_is_written_where_nothing_is_left(mlgym, workplace, grid) -> None:
    mlgym("run", grid)
    files = {path: path.read_bytes() for path in workplace.run().path.rglob("*") if path.is_file()}

    done = mlgym("resume", "last")

    assert (done.status, done.out) == (0, f"run {workplace.run().run_id}: there is nothing left to do\n")
    assert mlgym("resume", "last", "1", "--num_epochs", "3").status == 0
    assert {path: path.read_bytes() for path in workplace.run().path.rglob("*") if path.is_file()} == files


def test_what_is_told_at_the_start_is_what_is_trained_of_the_run(mlgym, workplace, grid) -> None:
    mlgym("run", grid)

    done = mlgym("resume", "last", "1", "--num_epochs", "4")

    assert (done.status, done.out.splitlines()[0]) == (0, f"run {workplace.run().run_id}: 1 experiment")
    assert mlgym("resume", "last", "--num_epochs", "5").out.startswith(f"run {workplace.run().run_id}: 2 experiments\n")
    assert [each["payload"]["num_experiments"] for each in workplace.events("run_started")] == [2, 2, 2]


def test_a_run_of_which_only_the_end_was_not_told_is_ended(mlgym, workplace, grid) -> None:
    mlgym("run", grid)
    path = workplace.run().log_path
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert workplace.show()["status"] == "lost"

    assert mlgym("resume", "last").status == 0

    assert [each["payload"]["reason"] for each in workplace.events("run_ended")] == ["lost", "finished"]
    assert len(workplace.events("attempt_started")) == 2


def test_more_epochs_extend_what_has_finished_to_the_bits_of_a_longer_run(mlgym, workplace, grid) -> None:
    mlgym("run", grid)
    extended = workplace.run()
    assert mlgym("resume", "last", "--num_epochs", "5").status == 0
    assert [each["payload"]["config"]["run"]["epochs"] for each in workplace.events("experiment_config")] == [
        3,
        3,
        5,
        5,
    ]
    assert json.loads(extended.experiment_config_path(1).read_text())["run"]["epochs"] == 5
    weights = [each["checkpoints"] for each in workplace.show()["experiments"]]
    assert "there is nothing left to do" in mlgym("resume", "last", "--config", grid).out

    mlgym("run", grid, "--num_epochs", "5")

    assert weights == [each["checkpoints"] for each in workplace.show()["experiments"]]
    assert [each["epoch"] for each in weights[0]] == [4]
    fewer = mlgym("resume", extended.run_id, "--num_epochs", "4")
    assert (fewer.status, "MG122 experiments 0, 1" in fewer.err) == (2, True)


def test_an_extension_needs_the_last_epoch_and_an_experiment_that_is_there(mlgym, workplace, grid) -> None:
    workplace.write(f"{grid.read_text()}checkpointing: none\n")
    mlgym("run", grid)
    assert "MG123 experiments 0, 1" in mlgym("resume", "last", "--num_epochs", "5").err
    unknown = mlgym("resume", "last", "1", "7")
    assert (unknown.status, "has no experiment 7\n  its experiments: 0, 1" in unknown.err) == (2, True)


def test_what_means_something_else_now_is_refused_with_a_diff(mlgym, workplace, grid, trap) -> None:
    mlgym("run", grid, "--set", "optimizer.lr=0.05", "--seed", "7")
    before = log(workplace.run())
    own = workplace.run().config_path("grid_search_config.yml")
    text = own.read_text()

    own.write_text(
        text.replace("use: fragile", "use: fragile, hidden: 9").replace("sweep: [1000, 16]", "sweep: [1000]")
    )
    done = mlgym("resume", "last")
    assert done.status == 2
    assert "grid_search_config.yml has changed: what would be trained is not what was recorded" in done.err
    assert "  model.hidden: 8 → 9  (experiment 0)\n  an experiment less  (experiment 1)\n" in done.err

    own.write_text(text)
    other = workplace.write(text.replace("val: 0.3", "val: 0.2"), "other.yml")
    done = mlgym("resume", "last", "--config", other)
    assert (done.status, f"{other} has changed" in done.err) == (2, True)
    assert "  splits.fractions.val: 0.3 → 0.2\n" in done.err

    assert log(workplace.run()) == before
    own.write_text(f"# a word\n{text}")
    trap.unlink()
    assert mlgym("resume", "last", "--config", workplace.write(text, "moved.yml")).status == 0
    assert workplace.statuses() == ["finished", "finished"]
    assert mlgym("resume", "last", "--config", other).status == 2
    assert "there is nothing left to do" in mlgym("resume", "last", "--config", workplace.path / "moved.yml").out
    assert len(workplace.events("run_started")) == 2


def test_components_with_other_arguments_are_refused(mlgym, workplace, grid, trap) -> None:
    mlgym("run", grid)
    before = log(workplace.run())
    module = workplace.path / "fragile.py"
    module.write_text(FRAGILE.replace("hidden: int = 8", "hidden: int = 8, depth: int = 1"))

    done = mlgym("resume", "last")

    assert (done.status, "MG124 components have changed" in done.err) == (2, True)
    assert "\n  model.depth: absent → 1\n" in done.err
    module.write_text(FRAGILE.replace("at: int = 10, ", "").replace("self.at = at", "self.at = 5"))
    done = mlgym("resume", "last")
    assert (done.status, "MG201 model 'fragile' has no argument 'at'" in done.err) == (2, True)
    assert log(workplace.run()) == before


def test_a_killed_worker_leaves_an_experiment_that_goes_on(mlgym, workplace, grid, trap) -> None:
    trap.write_text("kill")
    commit(workplace.path, "before")
    assert mlgym("run", grid).status == 1
    assert workplace.statuses() == ["finished", "failed"]
    trap.unlink()
    commit(workplace.path, "after")

    result = mlgym_core.resume(event_storage=workplace.storage.path, progress=False)

    assert (result.status, result.trained) == ("finished", [1])
    lines = [line for each in workplace.events("log") for line in each["payload"]["lines"]]
    assert len([line for line in lines if line.startswith("the commit of the code was ")]) == 1
    assert workplace.events("attempt_started")[-1]["payload"]["resumed_from"] is not None


def test_a_grid_that_was_killed_whole_ends_as_if_it_never_was(start_mlgym, mlgym, workplace, grid, trap) -> None:
    trap.write_text("stay")
    text = grid.read_text().replace("at: {sweep: [1000, 16]}", "at: {sweep: [50, 51, 52]}")
    grid.write_text(text.replace("run: {", "run: {save_every_steps: 2, ").replace("epochs: 3", "epochs: 12"))
    started = start_mlgym("run", grid, "--process_count", "2")
    started.wait_until(lambda: bool(workplace.storage.runs()) and len(workplace.events("evaluation_result")) > 8)
    alive = mlgym("resume", "last")
    assert (alive.status, "MG404" in alive.err) == (2, True)
    assert f"(pid {started.process.pid} on {os.uname().nodename})" in alive.err
    started.send(signal.SIGKILL, to_group=True)
    started.end()
    trap.unlink()
    killed = workplace.run()
    assert workplace.show()["status"] == "lost"

    resumed = mlgym("resume", "last", "--json")

    assert (resumed.status, resumed.document["status"]) == (0, "finished"), resumed.err
    assert [each["payload"]["reason"] for each in workplace.events("run_ended")] == ["lost", "finished"]
    assert workplace.events("divergence") == []
    assert mlgym("run", grid, "--process_count", "2").status == 0
    assert differences(log(killed), log(workplace.run())) == []
    assert mlgym("verify", killed.run_id).status == 0


def test_mlgyms_warm_start(mlgym, run_script, workplace, grid, trap) -> None:
    mlgym("run", grid)
    script = "import mlgym_core\nmlgym_core.main()\n"
    trap.unlink()
    text = "run_configuration: {type: warmstart, config: {num_epochs: 4, gridsearch_id: RUN}}\n"
    environment = "environment: {type: main_process, config: {process_count: 1, computation_device_ids: []}}\n"
    config = workplace.write(text.replace("RUN", workplace.run().run_id) + environment, "run_config.yml")

    done = run_script(script, "--config_path", config)

    assert done.status == 0, done.err
    assert [each["epochs_done"] for each in workplace.show()["experiments"]] == [4, 4]
    form = ["--num_epochs", "4", "--event_storage_path", str(workplace.storage.path), "warmstart"]
    assert perform(mlgym_parser("run.py").parse_args(form)) == 0
    assert len(workplace.events("run_started")) == 2


def test_a_run_whose_modules_have_moved_needs_to_be_told_where(mlgym, workplace, grid, trap) -> None:
    mlgym("run", grid)
    trap.unlink()
    moved = workplace.path.rename(workplace.path.with_name("moved"))
    done = mlgym("resume", "last")
    assert (done.status, f"MG125 the modules of run {workplace.run().run_id} are not found" in done.err) == (2, True)
    moved.rename(workplace.path)


def test_a_run_of_a_loop_of_ones_own_is_not_gone_on_with(mlgym, workplace) -> None:
    with mlgym_core.log_run({"lr": 0.1}, event_storage=workplace.storage.path, system_metrics_every=0):
        pass
    done = mlgym("resume", "last")
    assert (done.status, "MG126" in done.err) == (2, True)


def test_a_run_that_recorded_no_experiment_is_not_gone_on_with(mlgym, workplace) -> None:
    workplace.storage.create_run().log_path.write_bytes(b"")
    done = mlgym("resume", "last")
    assert (done.status, "MG120" in done.err) == (2, True)
