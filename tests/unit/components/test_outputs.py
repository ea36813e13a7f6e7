import numpy as np
import pytest
import torch

from mlgym_core.components.outputs import Outputs
from mlgym_core.errors import BuildError

CLASSES = torch.tensor([0, 1, 1])


def test_several_outputs_are_labels_by_the_largest_and_probabilities_by_softmax() -> None:
    raw = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [0.0, 0.0, 1.0]])
    outputs = Outputs(raw, CLASSES, "multiclass")

    assert outputs.labels.tolist() == [0, 1, 2]
    assert outputs.targets.tolist() == [0, 1, 1]
    np.testing.assert_allclose(outputs.probabilities, raw.exp() / raw.exp().sum(1, keepdim=True), rtol=1e-6)
    np.testing.assert_array_equal(outputs.values, raw)


def test_two_outputs_of_a_binary_task_are_the_probability_of_class_1() -> None:
    outputs = Outputs(torch.tensor([[2.0, 0.0], [0.0, 2.0], [0.0, 0.0]]), CLASSES, "binary")

    assert outputs.labels.tolist() == [0, 1, 0]
    np.testing.assert_allclose(outputs.probabilities, [0.1192029, 0.8807971, 0.5], rtol=1e-6)


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_one_output_is_a_label_by_its_sign_and_a_probability_by_sigmoid(shape: tuple[int, ...]) -> None:
    outputs = Outputs(torch.tensor([-2.0, 2.0, 0.1]).reshape(shape), CLASSES, "binary")

    assert outputs.labels.tolist() == [0, 1, 1]
    np.testing.assert_allclose(outputs.probabilities, [0.1192029, 0.8807971, 0.5249792], rtol=1e-6)
    assert outputs.values.shape == (3,)


def test_outputs_that_are_probabilities_already_stay_so() -> None:
    outputs = Outputs(torch.tensor([0.2, 0.9, 0.4]), CLASSES, "binary", scale="probabilities")

    assert outputs.labels.tolist() == [0, 1, 0]
    np.testing.assert_allclose(outputs.probabilities, [0.2, 0.9, 0.4], rtol=1e-6)


def test_regression_has_values_alone() -> None:
    outputs = Outputs(torch.tensor([[1.5], [2.5]]), torch.tensor([1.0, 2.0]), "regression")

    assert outputs.values.tolist() == [1.5, 2.5]
    with pytest.raises(BuildError, match="a regression task has no labels"):
        _ = outputs.labels
    with pytest.raises(BuildError, match="a regression task has no probabilities"):
        _ = outputs.probabilities
