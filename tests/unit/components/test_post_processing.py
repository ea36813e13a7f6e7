import numpy as np
import pytest
import torch

from mlgym_core.components.outputs import Outputs
from mlgym_core.components.post_processing import ArgMax, Binarization, MinOrMax, Sigmoid, SoftMax
from mlgym_core.registry import default_registry

RAW = torch.tensor([[2.0, -1.0], [0.0, 0.5]])


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ((SoftMax(),), RAW.double().exp() / RAW.double().exp().sum(1, keepdim=True)),
        ((Sigmoid(),), 1 / (1 + (-RAW.double()).exp())),
        ((ArgMax(),), [0, 1]),
        ((MinOrMax("min"),), [-1, 0]),
        ((MinOrMax("max"),), [2, 0.5]),
        ((Binarization(),), [[1, 0], [0, 0]]),
        ((MinOrMax("max"), Sigmoid(), Binarization(0.7)), [1, 0]),
    ],
)
def test_steps_follow_one_another(steps, expected) -> None:
    found = Outputs(RAW, torch.tensor([0, 1]), "binary").form(steps)

    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("step", [Sigmoid(), Binarization()])
def test_one_output_a_sample_is_a_number_of_it(step) -> None:
    assert step(torch.zeros(3, 1)).shape == (3,)


@pytest.mark.parametrize("step", [ArgMax(), Binarization()])
def test_labels_are_small_numbers(step) -> None:
    assert step(RAW).dtype is torch.uint8


def test_the_steps_are_components() -> None:
    assert default_registry.names("post_processor") == ["argmax", "binarization", "min_or_max", "sigmoid", "softmax"]
