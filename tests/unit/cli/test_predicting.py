"""`mlgym predict`: what a trained model says of splits and of new data, as tables."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

import mlgym_core
from mlgym_core.cli.commands import perform
from mlgym_core.cli.options import parser
from mlgym_core.events.folder import EventStorage
from mlgym_core.events.snapshots import open_fold

GRID = {
    "run": {"epochs": 4, "seed": 1},
    "data": "iris",
    "loaders": {"splits": "$data", "batch_size": 8},
    "model": {"use": "mlp", "sizes": [4, 8, 3]},
    "optimizer": {"use": "adam", "lr": {"sweep": [0.05, 0.01]}},
    "loss": "cross_entropy",
    "metrics": ["accuracy"],
    "checkpointing": {"use": "best", "monitor": "test/accuracy"},
}

Predict: TypeAlias = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("storage")
    result = mlgym_core.run(GRID, executor="main_process", event_storage=path, progress=False, system_metrics_every=0)
    assert result.status == "finished"
    return path


@pytest.fixture
def predict(storage: Path, capsys: pytest.CaptureFixture[str]) -> Predict:
    """Runs the command on the last run: its exit status, and what it printed."""

    def predict(*arguments: str | Path) -> tuple[int, str, str]:
        command = ["predict", "last", *map(str, arguments), "--event_storage_path", str(storage)]
        status = perform(parser().parse_args(command))
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return predict


@pytest.mark.parametrize("experiment_id", [0, 1])
def test_predictions_of_a_split_are_as_right_as_the_log_says(
    predict: Predict, storage: Path, experiment_id: int
) -> None:
    status, text, _ = predict(experiment_id, "test", "--best", "test/accuracy")
    table = pd.read_csv(io.StringIO(text))
    best = open_fold(EventStorage(storage).open("last"))[0].state.experiments[experiment_id].best["test/accuracy"]

    assert status == 0
    assert (table["prediction"] == table["target"]).mean() == best.value
    probabilities = table.filter(like="probability_")
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert (probabilities.idxmax(axis=1) == "probability_" + table["prediction"]).all()


@pytest.mark.parametrize("ending", ["csv", "parquet", "npy"])
def test_new_data_come_from_files_as_they_were_measured(predict: Predict, tmp_path: Path, ending: str) -> None:
    frame = load_iris(as_frame=True).data
    data, output = tmp_path / f"new.{ending}", tmp_path / "predictions.parquet"
    if ending == "npy":
        np.save(data, frame.to_numpy())
    else:
        getattr(frame, f"to_{ending}")(data, index=False)
    status, text, _ = predict(0, data, "--output", output)

    table = pd.read_parquet(output)
    assert (status, text.strip()) == (0, f"{output}: 150 predictions by experiment 0 of run {last_run(text)}")
    assert "target" not in table.columns
    truth = load_iris()
    assert (table["prediction"] == truth.target_names[truth.target]).mean() > 0.8


def last_run(text: str) -> str:
    return text.split()[-1]


def test_one_document_says_which_model_it_was(predict: Predict, storage: Path) -> None:
    status, text, _ = predict(1, "test", "--json")
    told = json.loads(text)
    (kept,) = open_fold(EventStorage(storage).open("last"))[0].state.experiments[1].checkpoints

    assert status == 0
    assert (told["experiment_id"], told["num_samples"], len(told["predictions"])) == (1, 30, 30)
    assert (told["epoch"], told["batch"], len(told["sha256"])) == (kept.epoch, None, 64)
    assert set(told["predictions"][0]) == {
        "prediction", "target", "probability_setosa", "probability_versicolor", "probability_virginica",
    }  # fmt: skip


def test_data_that_do_not_fit_are_one_clear_error(predict: Predict, tmp_path: Path) -> None:
    frame = load_iris(as_frame=True).data
    frame.drop(columns="petal width (cm)").to_csv(tmp_path / "short.csv", index=False)
    frame.astype({"petal width (cm)": str}).replace("0.2", "small").to_csv(tmp_path / "words.csv", index=False)
    np.save(tmp_path / "narrow.npy", frame.to_numpy()[:, :3])
    expected = {
        tmp_path / "short.csv": "MG360 the data have no column 'petal width (cm)'",
        tmp_path / "words.csv": "MG362 column 'petal width (cm)' holds values that are no numbers",
        tmp_path / "narrow.npy": "MG361 the data have the shape [150, 3], but a sample has the shape [4]",
        tmp_path / "gone.csv": "MG134 there is no file",
        Path("tset"): "MG133 experiment 0 has no split 'tset'; did you mean 'test'",
    }
    for data, message in expected.items():
        status, text, error = predict(0, data)
        assert (status, text) == (2, "")
        assert error.startswith(message)


def test_an_output_that_cannot_be_is_refused_before_anything_is_loaded(predict: Predict) -> None:
    status, _, error = predict(99, "test", "--output", "predictions.txt")
    assert status == 2
    assert error.startswith("MG134 'predictions.txt' does not say what to write")


def test_a_component_that_cannot_be_built_any_more_is_told_with_its_own_words(
    predict: Predict, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ArithmeticError("the weights fell out")

    monkeypatch.setattr("mlgym_core.inference.loading.build", fail)
    status, _, error = predict(0, "test")
    assert status == 2
    assert error.startswith("MG305 ArithmeticError: the weights fell out")
