"""Experiments of past runs, taken back into memory."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_iris

import mlgym_core
from mlgym_core.errors import ConfigError, RunError, StoreError
from mlgym_core.events.folder import EventStorage, RunFolder
from mlgym_core.events.snapshots import open_fold
from mlgym_core.inference.experiment import LoadedExperiment
from mlgym_core.inference.loading import load_from

EXAMPLES = Path(__file__).parents[3] / "example"


def accuracy(loaded: LoadedExperiment, split: str) -> float:
    predictions = loaded.predict_split(split)
    return float((predictions.labels == predictions.targets).mean())


@pytest.mark.parametrize("epoch", range(5))
def test_a_loaded_model_predicts_what_it_was_scored_for(iris: RunFolder, epoch: int) -> None:
    loaded = load_from(iris, 0, epoch=epoch)

    assert loaded.checkpoint.epoch == epoch
    for split in ("train", "val", "test"):
        assert accuracy(loaded, split) == loaded.scores[f"{split}/accuracy"]


def test_its_scores_are_those_of_the_log_to_the_bit(iris: RunFolder) -> None:
    loaded = load_from(iris, 0)
    last = {key: score.value for key, score in open_fold(iris)[0].state.experiments[0].last.items()}

    assert loaded.scores == last
    evaluator = loaded.components["evaluator"]
    for split in evaluator.splits:
        found = evaluator.evaluate(split, loaded.trainer, lambda _batch: None)
        scores = {f"{split}/{name}": value for name, value in {**found.losses, **found.metrics}.items()}
        assert scores == {key: value for key, value in last.items() if key.startswith(f"{split}/")}


def test_the_best_model_is_the_one_with_the_best_score(iris: RunFolder) -> None:
    by_epoch = {epoch: load_from(iris, 0, epoch=epoch).scores for epoch in range(5)}
    highest, lowest = load_from(iris, 0, best="val/accuracy"), load_from(iris, 0, best="val/cross_entropy")

    assert highest.scores["val/accuracy"] == max(each["val/accuracy"] for each in by_epoch.values())
    assert lowest.scores["val/cross_entropy"] == min(each["val/cross_entropy"] for each in by_epoch.values())


def test_the_model_is_ready_and_its_components_are_there(iris: RunFolder) -> None:
    loaded = load_from(iris, 0)

    assert not loaded.model.training
    assert loaded.model is loaded.components["model"]
    assert list(loaded.loaders) == ["train", "val", "test"]
    assert loaded.config["optimizer"]["lr"] == 0.05
    assert (loaded.run_id, loaded.experiment_id) == (iris.run_id, 0)
    inputs, _ = loaded.loaders["test"].sample(3)
    with torch.inference_mode():
        assert torch.equal(loaded.predict(inputs).raw, loaded.model(inputs))


def test_rows_of_a_table_are_encoded_as_the_data_were(iris: RunFolder) -> None:
    bundle = load_iris(as_frame=True)
    loaded = load_from(iris, 0)
    shuffled = bundle.data[bundle.data.columns[::-1]].assign(comment="none")
    predictions = loaded.predict(shuffled)

    assert loaded.classes == ("setosa", "versicolor", "virginica")
    assert (predictions.labels == bundle.target).mean() > 0.9
    rows = bundle.data.to_numpy()
    assert np.array_equal(predictions.labels, loaded.predict(loaded.encode(rows)).labels)
    assert np.array_equal(predictions.labels, loaded.predict(loaded.encode(rows).numpy()).labels)


def test_loading_leaves_the_random_generators_alone(iris: RunFolder) -> None:
    def draw() -> tuple[float, float, float]:
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    mlgym_core.load_experiment(iris.run_id, event_storage=iris.path.parent)
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    expected = draw()
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    load_from(iris, 0).predict_split("train")
    assert draw() == expected


def test_it_is_loaded_from_python_by_the_runs_id_or_as_the_last(iris: RunFolder, monkeypatch: Any) -> None:
    monkeypatch.setenv("MLGYM_EVENT_STORAGE", str(iris.path.parent))
    last = mlgym_core.load_experiment()
    named = mlgym_core.load_experiment(iris.run_id, 0, best="val/f1", event_storage=str(iris.path.parent))

    assert last.checkpoint.epoch == 4
    assert named.run_id == last.run_id == iris.run_id


def test_components_come_back_without_any_checkpoint(train: Callable[..., RunFolder]) -> None:
    run = train(checkpointing="none", run={"epochs": 1, "seed": 1})
    components = mlgym_core.load_components(run.run_id, 0, event_storage=run.path.parent)

    assert sum(len(loader.source) for loader in components["loaders"].values()) == 150
    assert components["model"] is components["model"]
    with pytest.raises(RunError, match="experiment 0 has no checkpoint"):
        load_from(run, 0)


MODELS: dict[str, dict[str, Any]] = {
    "one fit": {"run": {"epochs": 1, "seed": 1}, "model": {"use": "logistic_regression"}},
    "partial fit": {"model": {"use": "sgd_classifier", "loss": "log_loss"}},
    "a pipeline": {
        "run": {"epochs": 1, "seed": 1},
        "model": {"use": "pipeline", "steps": ["standard_scaler", "ridge_classifier"]},
    },
}


@pytest.mark.parametrize("name", MODELS)
def test_estimators_are_loaded_as_they_were_fitted(train: Callable[..., RunFolder], name: str) -> None:
    run = train(trainer="sklearn", optimizer=None, loss=None, metrics=["accuracy"], **MODELS[name])
    loaded = load_from(run, 0, best="val/accuracy")

    assert accuracy(loaded, "test") == loaded.scores["test/accuracy"]
    assert hasattr(loaded.model, "classes_")
    assert (loaded.predict_split("test").probabilities is None) == (name == "a pipeline")


def test_boosted_trees_are_loaded_as_they_were_grown(train: Callable[..., RunFolder]) -> None:
    boosted = {"use": "xgboost", "subsample": 0.5}
    run = train(trainer="xgboost", model=boosted, optimizer=None, loss=None, metrics=["accuracy"])
    early, late = load_from(run, 0, epoch=1), load_from(run, 0)

    assert (early.model.num_boosted_rounds(), late.model.num_boosted_rounds()) == (2, 5)
    for loaded in (early, late):
        assert accuracy(loaded, "test") == loaded.scores["test/accuracy"]


def test_a_trainer_of_ones_own_is_loaded_like_any_other(tmp_path: Path) -> None:
    result = mlgym_core.run(
        EXAMPLES / "own_trainer/gs_config.yml",
        overrides=["loaders.batch_size=50", "run.epochs=2"],
        executor="main_process",
        event_storage=tmp_path,
        progress=False,
    )
    loaded = load_from(RunFolder(result.folder), 0)

    assert accuracy(loaded, "test") == loaded.scores["test/accuracy"]
    assert loaded.model is loaded.trainer
    assert loaded.predict_split("test").probabilities is None


def test_a_regression_predicts_values(train: Callable[..., RunFolder]) -> None:
    whole = {"use": "random", "source": "$data.train", "fractions": {"train": 0.7, "val": 0.3}}
    model = {"use": "mlp", "sizes": [10, 8, 1]}
    run = train(
        data="diabetes", splits=whole, model=model, loss="mse", metrics=[{"use": "mean_absolute_error", "name": "mae"}]
    )
    loaded = load_from(run, 0)
    table = loaded.predict_split("test").table()

    assert list(table.columns) == ["prediction", "target"]
    error = float((table["prediction"] - table["target"]).abs().mean())
    assert error == pytest.approx(loaded.scores["test/mae"], rel=1e-6)


OWN = """
from torch import nn
from mlgym_core import register

@register("model", "one_layer_of_mine")
def one_layer(num_inputs: int, num_outputs: int):
    return nn.Linear(num_inputs, num_outputs)
"""


def test_what_a_run_imported_is_imported_from_the_folder_of_its_configuration(
    tmp_path: Path, monkeypatch: Any, train: Callable[..., RunFolder]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "mine_for_loading.py").write_text(OWN)
    monkeypatch.chdir(home)
    monkeypatch.setattr(sys, "path", list(sys.path))
    model = {"use": "one_layer_of_mine", "num_inputs": 4, "num_outputs": 3}
    run = train(imports=["mine_for_loading"], model=model, run={"epochs": 1, "seed": 1})
    del sys.modules["mine_for_loading"]
    monkeypatch.chdir(tmp_path)

    assert load_from(run, 0).model.in_features == 4
    assert "mine_for_loading" in sys.modules

    del sys.modules["mine_for_loading"]
    (home / "mine_for_loading.py").write_text("import nothing_like_this")
    with pytest.raises(ConfigError, match="cannot import 'mine_for_loading'"):
        load_from(run, 0)


def test_an_experiment_that_is_not_there_is_an_error(iris: RunFolder) -> None:
    with pytest.raises(RunError, match="has no experiment 7") as caught:
        load_from(iris, 7)
    assert caught.value.code == "MG121"


def test_a_split_that_is_not_there_is_an_error(iris: RunFolder) -> None:
    with pytest.raises(RunError, match="no split 'tes'; did you mean 'test'") as caught:
        load_from(iris, 0).predict_split("tes")
    assert caught.value.code == "MG133"


def test_samples_that_do_not_say_how_rows_become_inputs_cannot_be_encoded(iris: RunFolder) -> None:
    loaded = load_from(iris, 0)
    lazy = torch.utils.data.TensorDataset(torch.zeros(3, 4), torch.zeros(3))
    loaded.loaders["train"].source = lazy  # type: ignore[misc,assignment]
    with pytest.raises(RunError, match="TensorDataset do not tell") as caught:
        loaded.predict(pd.DataFrame({"a": [1.0]}))
    assert caught.value.code == "MG133"


def test_a_file_that_is_not_as_it_was_saved_is_not_loaded(iris: RunFolder) -> None:
    path = iris.resource_path(0, 3, "model.safetensors")
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        with pytest.raises(StoreError, match=r"^MG420 model\.safetensors of the checkpoint of epoch 3 is not whole: "):
            load_from(iris, 0, epoch=3)
    finally:
        path.write_bytes(content)


def test_a_run_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        mlgym_core.load_experiment(event_storage=EventStorage(tmp_path).path)
