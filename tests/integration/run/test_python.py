"""Runs from Python: scripts that nothing guards, components that live in them, and loops of one's own."""

import json
import subprocess
import sys

import pytest

import mlgym_core
from mlgym_core.errors import ConfigError, RunError, StoreError
from mlgym_core.events.folder import EventStorage
from mlgym_core.events.lock import liveness

GRID_IN_PYTHON = """
import mlgym_core
from torch import nn

print("the script runs")
SCALE = 2.0


def scaled(features):
    return features * SCALE


class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)


@mlgym_core.register("model", "home_made")
class HomeMade(Base):
    def __init__(self, wait: int = 1):
        super().__init__()
        self.wait = wait

    def forward(self, features):
        return self.layer(scaled(features))


@mlgym_core.register("metric", "always_one", goal="min")
def always_one():
    return lambda outputs: SCALE / 2


result = mlgym_core.run({
    "data": "iris",
    "loaders": {"splits": {"train": "$data.train", "val": "$data.test"}, "batch_size": 16},
    "model": {"use": "home_made", "wait": {"sweep": [1, 2]}},
    "optimizer": {"use": "sgd", "lr": 0.1},
    "loss": "cross_entropy",
    "metrics": ["accuracy", "always_one"],
}, epochs=1, process_count=2, progress=False)
print(result.status, sorted(each.best["val/always_one"].value for each in result.state.experiments.values()))
"""


def test_components_of_an_unguarded_script_are_known_to_the_workers(run_script, workplace) -> None:
    done = run_script(GRID_IN_PYTHON)

    assert done.status == 0, done.err
    assert done.out.splitlines() == ["the script runs", "finished [1.0, 1.0]"]
    assert workplace.show()["status"] == "finished"


def test_components_of_an_imported_module_are_known_to_the_workers(run_script, workplace) -> None:
    config = workplace.grid_with("{use: misfortune}")
    config.write_text(config.read_text().replace("imports: [models]\n", ""))

    done = run_script(
        f"import models\nimport mlgym_core\nprint(mlgym_core.run({str(config)!r}, progress=False).status)\n"
    )

    assert (done.status, done.out) == (0, "finished\n"), done.err


def test_modules_may_be_named_beside_the_configuration(workplace) -> None:
    config = workplace.grid_with("{use: misfortune}")
    config.write_text(config.read_text().replace("imports: [models]\n", ""))

    with pytest.raises(ConfigError, match="misfortune"):
        mlgym_core.run(config, progress=False, event_storage=workplace.storage.path)
    result = mlgym_core.run(config, ["models"], progress=False, event_storage=workplace.storage.path)

    assert result.status == "finished"
    assert result.run_id == workplace.run().run_id
    assert result.folder == workplace.run().path


def test_what_cannot_be_sent_to_a_worker_is_an_error(run_script, workplace) -> None:
    done = run_script(
        "import mlgym_core\n"
        "rows = (row for row in range(3))\n"
        "@mlgym_core.register('model', 'lazy')\n"
        "def lazy():\n"
        "    return rows\n"
        "mlgym_core.run({'data': 'iris', 'model': 'lazy'}, progress=False)\n"
    )

    assert done.status == 1
    assert "MG306 model 'lazy' cannot be sent to the training processes" in done.err
    assert not workplace.storage.path.exists()


def test_mlgyms_form_of_the_command_line(run_script, workplace) -> None:
    config = workplace.grid_with("{use: misfortune}")
    config.write_text(config.read_text().replace("imports: [models]\n", ""))
    logs = workplace.path / "logs"

    done = run_script(
        "import models\nimport mlgym_core\nmlgym_core.main()\n",
        *("--process_count", "2", "--text_logging_path", logs, "--num_epochs", "1"),
        *("train", "--gs_config_path", config),
    )

    assert done.status == 0, done.err
    assert [each["epochs_done"] for each in workplace.show()["experiments"]] == [1]


def test_mlgyms_form_with_a_run_config(run_script, workplace) -> None:
    workplace.grid_with("{use: misfortune}")
    run_config = workplace.write(
        "run_configuration: {type: train, config: {num_epochs: 1, gs_config_path: gs_config.yml}}\n"
        "environment: {type: main_process, config: {process_count: 1, computation_device_ids: []}}\n",
        "run_config.yml",
    )

    done = run_script("import mlgym_core\nmlgym_core.main()\n", "--config_path", run_config)

    assert done.status == 0, done.err
    assert [each["epochs_done"] for each in workplace.show()["experiments"]] == [1]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("type: train", "type: warmstart", "MG402 there is no run 'last'"),
        ("multiprocessing", "accelerate", "MG103 the environment `accelerate` is not available yet"),
        ("gs_config_path: gs_config.yml", "num_epochs: 1", "MG102 no grid to train was named"),
    ],
)
def test_what_mlgyms_form_cannot_do_yet_is_one_clear_error(run_script, workplace, old, new, expected) -> None:
    text = (
        "run_configuration: {type: train, config: {gs_config_path: gs_config.yml}}\n"
        "environment: {type: multiprocessing, config: {process_count: 2}}\n"
    )
    workplace.grid_with("{use: misfortune}")

    done = run_script(
        "import mlgym_core\nmlgym_core.main()\n",
        *("--config_path", workplace.write(text.replace(old, new), "run_config.yml")),
    )

    assert done.status == 2
    assert expected in done.err
    assert "Traceback" not in done.err


def test_the_main_process_never_imports_torch(run_script, workplace, iris) -> None:
    done = run_script(
        "import sys\n"
        f"sys.argv[1:] = ['run', {str(workplace.write(iris))!r}, '--process_count', '2']\n"
        "from mlgym_core.cli import entry_point\n"
        "status = entry_point()\n"
        "print(status, sorted({'torch', 'sklearn', 'numpy', 'pandas'} & set(sys.modules)))\n"
    )

    assert done.out.splitlines()[-1] == "0 []", done


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = {"torch", "sklearn", "numpy", "pydantic", "multiprocessing", "rich", "yaml", "socketio"}
    code = (
        "import sys, mlgym_core\n"
        f"print(sorted({heavy!r} & set(sys.modules)), mlgym_core.__all__)\n"
        "import mlgym_core.cli.reading\n"
        "print(sorted({'torch', 'sklearn', 'numpy', 'pydantic', 'socketio'} & set(sys.modules)))\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.splitlines() == [f"[] {mlgym_core.__all__}", "[]"]


def test_a_loop_of_ones_own_is_a_run_like_any_other(workplace) -> None:
    with mlgym_core.log_run({"lr": 0.1}, event_storage=workplace.storage.path) as run:
        for step in range(3):
            run.log({"val/loss": 0.3 - step / 10, "val/f1": step / 10, "train/loss": 0.2}, step=step)
        assert liveness(EventStorage(workplace.storage.path).run(run.run_id)) == "alive"

    shown = workplace.show()
    assert (shown["run_id"], shown["status"], shown["liveness"]) == (run.run_id, "finished", "lost")
    [experiment] = shown["experiments"]
    assert experiment["config"] == {"lr": 0.1}
    assert experiment["epochs_done"] == 3
    assert experiment["best"] == {"val/loss": pytest.approx(0.1), "val/f1": 0.2, "train/loss": 0.2}
    assert json.loads(workplace.run().experiment_config_path(0).read_text()) == {"lr": 0.1}


def test_a_score_that_is_not_finite_is_told_as_such(workplace) -> None:
    with mlgym_core.log_run({}, event_storage=workplace.storage.path) as run:
        run.log({"val/loss": float("nan")}, step=0)

    [event] = workplace.events("evaluation_result")
    [score] = event["payload"]["loss_scores"]
    assert score == {"loss": "loss", "split": "val", "score": None, "not_finite": "nan"}


def test_an_exception_in_a_loop_of_ones_own_makes_it_a_failed_run(workplace) -> None:
    with pytest.raises(ZeroDivisionError), mlgym_core.log_run({}, event_storage=workplace.storage.path):
        _ = 1 / 0

    shown = workplace.show()
    assert (shown["status"], workplace.statuses()) == ("failed", ["failed"])
    assert shown["experiments"][0]["error"] == "ZeroDivisionError: division by zero"


def test_an_interrupt_in_a_loop_of_ones_own_makes_it_a_stopped_run(workplace) -> None:
    with pytest.raises(KeyboardInterrupt), mlgym_core.log_run({}, event_storage=workplace.storage.path):
        raise KeyboardInterrupt

    assert (workplace.show()["status"], workplace.statuses()) == ("stopped", ["stopped"])


@pytest.mark.parametrize(("scores", "step"), [({"loss": 0.1}, 0), ({"val/": 0.1}, 0), ({"val/loss": 0.1}, -1)])
def test_a_score_that_says_too_little_is_an_error(workplace, scores: dict[str, float], step: int) -> None:
    with mlgym_core.log_run({}, event_storage=workplace.storage.path) as run, pytest.raises(RunError, match="MG110"):
        run.log(scores, step=step)

    assert workplace.statuses() == ["finished"]


def test_a_configuration_that_json_cannot_hold_is_an_error(workplace) -> None:
    with pytest.raises(RunError, match="MG111"), mlgym_core.log_run({"model": object()}):
        raise AssertionError("never entered")

    assert not workplace.storage.path.exists()


def test_a_storage_that_cannot_be_written_is_an_error(workplace) -> None:
    workplace.storage.path.write_text("a file stands here")

    with pytest.raises(StoreError, match="MG403"), mlgym_core.log_run({}, event_storage=workplace.storage.path):
        raise AssertionError("never entered")
