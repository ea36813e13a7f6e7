"""Predictions in the forms that a task has."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mlgym_core.errors import RunError
from mlgym_core.inference.predictions import Predictions

LOGITS = torch.tensor([[0.0, 1.0, 3.0], [2.0, 0.0, 0.0]])


def test_classes_have_names_and_probabilities() -> None:
    predictions = Predictions(LOGITS, "multiclass", "logits", ("a", "b", "c"), torch.tensor([2, 1]))
    table = predictions.table()

    assert len(predictions) == 2
    assert list(table.columns) == ["prediction", "target", "probability_a", "probability_b", "probability_c"]
    assert (table["prediction"].tolist(), table["target"].tolist()) == (["c", "a"], ["c", "b"])
    assert np.allclose(table.iloc[:, 2:].to_numpy(), LOGITS.double().softmax(1).numpy())


def test_classes_without_names_are_numbers() -> None:
    table = Predictions(LOGITS, "multiclass", "probabilities").table()
    assert list(table.columns) == ["prediction", "probability_0", "probability_1", "probability_2"]
    assert table["prediction"].tolist() == [2, 0]


def test_a_binary_task_has_two_probabilities() -> None:
    predictions = Predictions(torch.tensor([[0.0], [4.0]]), "binary", "logits", ("no", "yes"))
    assert predictions.probabilities is not None
    assert predictions.probabilities[0].tolist() == [0.5, 0.5]
    assert predictions.table()["prediction"].tolist() == ["no", "yes"]


@pytest.mark.parametrize("scale", ["decision", "labels"])
def test_a_model_without_probabilities_has_none(scale: str) -> None:
    raw = LOGITS if scale == "decision" else torch.tensor([2, 0])
    predictions = Predictions(raw, "multiclass", scale)  # type: ignore[arg-type]
    assert predictions.probabilities is None
    assert list(predictions.table().columns) == ["prediction"]
    assert predictions.labels.tolist() == [2, 0]


def test_a_regression_has_values() -> None:
    one = Predictions(torch.tensor([[1.5], [2.5]]), "regression", "values", target=torch.tensor([1.0, 2.0]))
    assert one.table().to_dict(orient="list") == {"prediction": [1.5, 2.5], "target": [1.0, 2.0]}
    two = Predictions(torch.tensor([[1.5, 2.5]]), "regression", "values")
    assert list(two.table().columns) == ["prediction_0", "prediction_1"]


@pytest.mark.parametrize("task", ["regression", "multiclass"])
def test_predictions_for_each_pixel_are_no_table(task: str) -> None:
    with pytest.raises(RunError) as caught:
        Predictions(torch.zeros(2, 3, 4, 4), task, "logits").table()  # type: ignore[arg-type]
    assert caught.value.code == "MG135"
