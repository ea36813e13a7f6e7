"""The examples train by the commands that their pages name, and both dialects to the same bits."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

import mlgym_core
from mlgym_core.config.native import load_config
from mlgym_core.config.sweeps import expand

EXAMPLES = Path(__file__).parents[2] / "example"
NATIVE, MLGYM = EXAMPLES / "grid_search_example", EXAMPLES / "mlgym_dialect"


def run(*command: str, cwd: Path) -> str:
    """Standard output of a command that must end well."""
    done = subprocess.run([sys.executable, *command], cwd=cwd, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def log_of_the_only_run(storage: Path) -> list[dict[str, Any]]:
    (log,) = storage.glob("*/event_storage.log")
    return [json.loads(line) for line in log.read_text().splitlines()]


Facts = dict[int, list[tuple[str, Any]]]

POSITIONED = {
    "evaluation_result": ("epoch", "metric_scores", "loss_scores"),
    "checkpoint_saved": ("epoch", "step", "resources", "weights_sha256", "kept_as"),
}


def facts(log: list[dict[str, Any]]) -> Facts:
    """For each experiment what makes two logs equal, in order: results, checkpoints and the end state.

    Times, run ids, process ids and attempts are no part of it, nor is `experiment_config`: how a thing is said differs
    between the dialects, and so does the hash of it that stands in a checkpoint's state.
    """
    found: Facts = defaultdict(list)
    for event in log:
        kind, payload = event["event_type"], event["payload"]
        if kind == "checkpoint_saved":
            resources = [each for each in payload["resources"] if each["name"] != "stateful_components.json"]
            payload = {**payload, "resources": resources}
        if kind in POSITIONED:
            found[payload["experiment_id"]].append((kind, {key: payload[key] for key in POSITIONED[kind]}))
        elif kind == "job_status" and payload["status"] == "DONE":
            found[payload["experiment_id"]].append((kind, {"error": payload["error"]}))
    return dict(found)


def configs(log: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    events = [event["payload"] for event in log if event["event_type"] == "experiment_config"]
    return {payload["experiment_id"]: payload["config"] for payload in events}


SMALLER_GRID = (
    "--num_epochs",
    "2",
    "--process_count",
    "2",
    "--set",
    "loaders.batch_size={sweep: [50, 100]}",
    "--set",
    "optimizer.lr={sweep: [1e-2, 1e-3]}",
)


@pytest.fixture(scope="module")
def native_log(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return train_smaller_grid(NATIVE, tmp_path_factory.mktemp("native"))


@pytest.fixture(scope="module")
def mlgym_log(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return train_smaller_grid(MLGYM, tmp_path_factory.mktemp("mlgym"))


def train_smaller_grid(example: Path, storage: Path) -> list[dict[str, Any]]:
    run("-m", "mlgym_core", "run", "gs_config.yml", *SMALLER_GRID, "--event_storage_path", str(storage), cwd=example)
    return log_of_the_only_run(storage)


def test_both_dialects_train_to_the_same_bits(
    native_log: list[dict[str, Any]], mlgym_log: list[dict[str, Any]]
) -> None:
    native, mlgym = facts(native_log), facts(mlgym_log)
    assert native == mlgym
    assert [len(native[each]) for each in range(4)] == [2 * (3 + 1) + 1] * 4
    assert len({json.dumps(each) for each in native.values()}) == 4


def test_both_dialects_name_their_scores_alike(native_log: list[dict[str, Any]]) -> None:
    results = [payload for kind, payload in facts(native_log)[0] if kind == "evaluation_result"]
    assert [score["metric"] for score in results[0]["metric_scores"]] == ["f1", "precision", "recall"]
    assert [score["loss"] for score in results[0]["loss_scores"]] == ["cross_entropy"]


def test_both_dialects_resolve_to_the_same_slots_but_for_the_collator(
    native_log: list[dict[str, Any]], mlgym_log: list[dict[str, Any]]
) -> None:
    native, mlgym = configs(native_log), configs(mlgym_log)
    assert len(native) == 4
    for experiment_id, config in mlgym.items():
        assert config.pop("collator")["use"] == "id_digits_collator"
        assert config["loaders"].pop("collate") == "$collator"
        assert native[experiment_id]["loaders"].pop("collate") is None
        assert config.pop("imports") == ["conv_net", "collator"]
        assert native[experiment_id].pop("imports") == ["conv_net"]
        assert config == native[experiment_id]


def test_both_dialects_expand_to_the_same_twelve_experiments() -> None:
    native, mlgym = (expand(load_config(example / "gs_config.yml"), 100) for example in (NATIVE, MLGYM))
    assert [point.choices for point in native] == [point.choices for point in mlgym]
    assert len(native) == 12
    assert native[1].choices == {"loaders.batch_size": 10, "optimizer.lr": 0.01}


def test_run_py_trains_the_whole_grid(tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    run(
        *("run.py", "--process_count", "2", "--num_epochs", "1", "--text_logging_path", str(tmp_path / "logs")),
        *("--event_storage_path", str(storage), "train", "--gs_config_path", "gs_config.yml"),
        cwd=NATIVE,
    )
    found = facts(log_of_the_only_run(storage))
    assert sorted(found) == list(range(12))
    assert all(each[-1] == ("job_status", {"error": None}) for each in found.values())


def test_fault_in_the_readme_is_told_as_the_readme_says(tmp_path: Path) -> None:
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", (EXAMPLES.parent / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    (config,) = [text for language, text in blocks if language == "yaml"]
    (model,) = [text for language, text in blocks if language == "python" and "@register" in text]
    (message,) = [text for _, text in blocks if "did you mean" in text]
    (tmp_path / "gs_config.yml").write_text(config.replace("hidden:", "hiden:"))
    (tmp_path / "conv_net.py").write_text(model)
    command = [sys.executable, "-m", "mlgym_core", "check", "gs_config.yml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 2
    assert message in done.stderr


def test_run_config_yml_says_all_that_run_py_needs(tmp_path: Path) -> None:
    example, storage = tmp_path / "example", tmp_path / "storage"
    shutil.copytree(MLGYM, example)
    for file, old, new in (
        ("run_config.yml", "num_epochs: 5", "num_epochs: 1"),
        ("gs_config.yml", "values: [10, 50, 100]", "values: [100]"),
        ("gs_config.yml", "values: [0.1, 0.01, 0.001, 0.0001]", "values: [0.01, 0.001]"),
    ):
        text = (example / file).read_text()
        assert old in text
        (example / file).write_text(text.replace(old, new))
    run("run.py", "--config_path", "run_config.yml", "--event_storage_path", str(storage), cwd=example)
    log = log_of_the_only_run(storage)
    assert {config["run"]["epochs"] for config in configs(log).values()} == {1}
    assert [event["payload"]["counts"] for event in log if event["event_type"] == "run_ended"] == [{"finished": 2}]


def test_what_the_torch_trainer_can_be_told_trains(tmp_path: Path) -> None:
    command = ("-m", "mlgym_core", "run", "gs_config.yml", "--num_epochs", "2", "--event_storage_path", str(tmp_path))
    run(*command, cwd=EXAMPLES / "torch_features")
    log = log_of_the_only_run(tmp_path)
    saved = facts(log)
    assert [configs(log)[each]["trainer"]["accumulate"] for each in range(2)] == [1, 2]
    steps = [[found["step"] for kind, found in saved[each] if kind == "checkpoint_saved"] for each in range(2)]
    assert steps == [[72, 144], [36, 72]]
    names = {each["name"] for kind, found in saved[0] if kind == "checkpoint_saved" for each in found["resources"]}
    assert names == {"model.safetensors", "optimizer.safetensors", "lr_scheduler.json"}
    losses = [found["loss_scores"][0]["score"] for kind, found in saved[0] if kind == "evaluation_result"]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("example", "num_experiments", "num_epochs", "model"),
    [
        ("sklearn_pipeline", 4, 2, "model.skops"),
        ("xgboost", 4, 5, "model.ubj"),
        ("own_trainer", 3, 2, "model.safetensors"),
    ],
)
def test_other_libraries_train_as_torch_does(
    example: str, num_experiments: int, num_epochs: int, model: str, tmp_path: Path
) -> None:
    # In this process, which has imported what takes seconds.
    result = mlgym_core.run(
        EXAMPLES / example / "gs_config.yml",
        epochs=num_epochs,
        executor="main_process",
        event_storage=tmp_path,
        progress=False,
    )
    found = facts(log_of_the_only_run(tmp_path))
    assert result.is_success
    assert len(found) == num_experiments
    for experiment in found.values():
        assert experiment[-1] == ("job_status", {"error": None})
        *_, saved = (each for kind, each in experiment if kind == "checkpoint_saved")
        assert {each["name"] for each in saved["resources"]} == {model}
        scores = [each["metric_scores"] for kind, each in experiment if kind == "evaluation_result"]
        assert len(scores) == 3 * num_epochs
        (accuracy,) = [each["score"] for each in scores[-1] if each["metric"] == "accuracy"]
        assert accuracy > 0.6


def test_a_warm_start_goes_on_with_the_newest_run(tmp_path: Path) -> None:
    for config in ("run_config.yml", "warm_start.yml"):
        run("run.py", "--event_storage_path", str(tmp_path), "--config_path", config, cwd=EXAMPLES / "warm_start")
    found = facts(log_of_the_only_run(tmp_path))
    results = [[told["epoch"] for kind, told in each if kind == "evaluation_result"] for each in found.values()]
    assert [sorted(set(epochs)) for epochs in results] == [[0, 1, 2, 3]] * 2
    assert [len(epochs) for epochs in results] == [4 * 3] * 2
