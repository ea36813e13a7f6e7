import pytest
import torch

from mlgym_core.components.data.collators import DefaultCollator, PaddingCollator
from mlgym_core.errors import BuildError

SEQUENCES = [(torch.tensor([1.0, 2.0]), 0), (torch.tensor([3.0]), 1)]


def test_samples_of_one_shape_are_stacked() -> None:
    inputs, targets = DefaultCollator()([({"a": torch.zeros(2)}, 1), ({"a": torch.ones(2)}, 0)])

    assert inputs["a"].tolist() == [[0, 0], [1, 1]]
    assert targets.tolist() == [1, 0]


def test_sequences_are_filled_up_to_the_longest() -> None:
    inputs, targets = PaddingCollator(value=-1)(SEQUENCES)

    assert inputs.tolist() == [[1, 2], [3, -1]]
    assert targets.tolist() == [0, 1]


def test_lengths_may_be_told() -> None:
    inputs, _ = PaddingCollator(lengths=True)(SEQUENCES)

    assert inputs["inputs"].tolist() == [[1, 2], [3, 0]]
    assert inputs["lengths"].tolist() == [2, 1]


def test_targets_may_be_sequences_too() -> None:
    samples = [(torch.zeros(2, 3), torch.tensor([1, 2])), (torch.zeros(1, 3), torch.tensor([3]))]

    inputs, targets = PaddingCollator(targets=True)(samples)

    assert inputs.shape == (2, 2, 3)
    assert targets.tolist() == [[1, 2], [3, -100]]
    assert targets.dtype == torch.int64


@pytest.mark.parametrize("other", [torch.zeros(2, 3), torch.zeros(())])
def test_sequences_that_differ_in_more_than_their_length_are_refused(other: torch.Tensor) -> None:
    with pytest.raises(BuildError, match="that differ in T alone, but there are shapes such as"):
        PaddingCollator()([*SEQUENCES, (other, 0)])
