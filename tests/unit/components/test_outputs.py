import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix

from mlgym_core.components.outputs import Gathering, Outputs
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


def test_a_decision_function_gives_labels_and_scores_and_no_probabilities() -> None:
    outputs = Outputs(torch.tensor([-0.5, 3.0, 0.2]), CLASSES, "binary", scale="decision")

    assert outputs.labels.tolist() == [0, 1, 1]
    np.testing.assert_array_equal(outputs.form("scores"), outputs.values)
    with pytest.raises(BuildError, match="needs probabilities, and the model gives values of a decision function"):
        _ = outputs.probabilities


def test_scores_are_probabilities_where_there_are_some() -> None:
    outputs = Outputs(torch.randn(3, 3), CLASSES, "multiclass")

    np.testing.assert_array_equal(outputs.form("scores"), outputs.probabilities)


def test_two_columns_of_a_decision_function_rank_by_their_difference() -> None:
    outputs = Outputs(torch.tensor([[2.0, 0.0], [0.0, 3.0], [1.0, 1.0]]), CLASSES, "binary", scale="decision")

    assert outputs.form("scores").tolist() == [-2, 3, 0]


def test_labels_may_be_all_that_there_is() -> None:
    outputs = Outputs(torch.tensor([2, 0, 1]), torch.tensor([2, 1, 1]), "multiclass", scale="labels")

    assert outputs.labels.tolist() == [2, 0, 1]
    with pytest.raises(BuildError, match="the model gives labels alone") as info:
        outputs.form("scores")
    assert info.value.code == "MG370"


def test_one_hot_targets_are_classes_but_in_a_regression() -> None:
    rows = torch.tensor([[0.0, 1.0], [1.0, 0.0]])

    assert Outputs(rows, rows, "multiclass").targets.tolist() == [1, 0]
    assert Outputs(rows, rows, "regression").targets.tolist() == rows.tolist()


def test_a_whole_number_comes_with_64_bits_so_that_sums_and_differences_of_it_are_right() -> None:
    assert Outputs(torch.eye(3), CLASSES, "multiclass").labels.dtype == np.int64


@pytest.mark.parametrize("num_samples", [3, 3000])
@pytest.mark.parametrize("num_classes", [2, 7, 300])
def test_counts_are_the_confusion_matrix(num_samples: int, num_classes: int) -> None:
    generator = torch.Generator().manual_seed(num_samples)
    raw = torch.randn(num_samples, num_classes, generator=generator)
    outputs = Outputs(raw, torch.randint(num_classes, (num_samples,), generator=generator), "multiclass")

    targets, labels, num = outputs.counts("labels")

    expected = confusion_matrix(outputs.targets, outputs.labels, labels=range(num_classes))
    matrix = np.zeros_like(expected)
    matrix[targets, labels] = num
    np.testing.assert_array_equal(matrix, expected)
    assert (num > 0).all()


def gathered(raw: torch.Tensor, target: torch.Tensor, task, wanted, *, size: int) -> Outputs:
    gathering = Gathering(wanted, task, "logits")
    for batch in zip(raw.split(size), target.split(size), strict=True):
        gathering.add(*batch)
    return gathering.outputs()


def kept_bytes(outputs: Outputs) -> int:
    return outputs.raw.nbytes + outputs.target.nbytes + sum(each.nbytes for each in outputs.parts.values())


@pytest.mark.parametrize("size", [1, 7, 100])
def test_of_labels_one_byte_a_sample_is_kept_beside_its_target(size: int) -> None:
    raw, target = torch.randn(100, 10), torch.randint(10, (100,))

    outputs = gathered(raw, target, "multiclass", {"labels"}, size=size)

    assert kept_bytes(outputs) == 100 * (1 + 4)
    assert outputs.labels.tolist() == raw.argmax(1).tolist()
    assert outputs.targets.tolist() == target.tolist()


def test_the_raw_outputs_are_kept_where_they_are_smaller() -> None:
    raw, target = torch.randn(100, 10), torch.randint(10, (100,))

    outputs = gathered(raw, target, "multiclass", {"labels", "probabilities"}, size=30)

    assert kept_bytes(outputs) == 100 * (10 * 4 + 4)
    np.testing.assert_array_equal(outputs.probabilities, Outputs(raw, target, "multiclass").probabilities)


def test_a_step_that_takes_one_column_of_many_is_kept_alone() -> None:
    raw, target = torch.randn(100, 10), torch.randint(2, (100,))

    outputs = gathered(raw, target, "binary", {(largest,)}, size=30)

    assert kept_bytes(outputs) == 100 * (4 + 4)
    np.testing.assert_array_equal(outputs.form((largest,)), raw.amax(1))


def test_raw_outputs_are_kept_for_whoever_wants_them_and_nothing_where_nobody_does() -> None:
    raw, target = torch.randn(10, 2), torch.randint(2, (10,))

    assert torch.equal(gathered(raw, target, "binary", None, size=4).raw, raw)
    assert gathered(raw, target, "binary", set(), size=4) is None


def largest(raw: torch.Tensor) -> torch.Tensor:
    return raw.amax(1)
