import pytest
import torch

from mlgym_core.components.data import bundled
from mlgym_core.components.data.dataset import Dataset
from mlgym_core.errors import BuildError


def test_digits_are_grey_images_with_values_from_0_to_1() -> None:
    splits = bundled.digits()

    assert splits["train"].inputs.shape == (1438, 1, 8, 8)
    assert splits["test"].inputs.shape == (359, 1, 8, 8)
    assert (splits["train"].inputs.min(), splits["train"].inputs.max()) == (0, 1)
    assert splits["train"].targets.unique().tolist() == list(range(10))
    assert (splits["train"].task, splits["train"].num_classes) == ("multiclass", 10)


def test_digits_can_be_resized_and_flattened() -> None:
    assert bundled.digits(image_size=28)["test"].inputs.shape == (359, 1, 28, 28)
    assert bundled.digits(flatten=True)["test"].inputs.shape == (359, 64)


def test_without_a_test_fraction_all_is_for_training() -> None:
    assert {name: len(split) for name, split in bundled.digits(test_fraction=0).items()} == {"train": 1797}


def test_what_is_given_away_can_be_changed_without_harm_to_the_next() -> None:
    bundled.iris().clear()

    assert set(bundled.iris()) == {"train", "test"}


@pytest.mark.parametrize(
    ("name", "num_features", "task", "num_classes"),
    [
        ("iris", 4, "multiclass", 3),
        ("wine", 13, "multiclass", 3),
        ("breast_cancer", 30, "binary", 2),
        ("diabetes", 10, "regression", None),
    ],
)
def test_tables_are_standardized_by_their_training_samples_alone(name, num_features, task, num_classes) -> None:
    splits = getattr(bundled, name)(test_fraction=0.25)
    train, test = splits["train"], splits["test"]

    assert (train.inputs.shape[1], train.task, train.num_classes) == (num_features, task, num_classes)
    assert len(train.feature_names) == num_features
    assert train.targets.is_floating_point() == (task == "regression")
    torch.testing.assert_close(train.inputs.mean(0), torch.zeros(num_features), atol=1e-5, rtol=0)
    torch.testing.assert_close(train.inputs.std(0, correction=0), torch.ones(num_features), atol=1e-5, rtol=0)
    assert test.inputs.mean(0).abs().max() > 1e-4


def test_raw_features_are_there_too() -> None:
    assert bundled.iris(standardize=False)["train"].inputs.min() > 0


def test_inputs_and_targets_must_be_as_many() -> None:
    with pytest.raises(BuildError, match="3 inputs but 2 targets"):
        Dataset(inputs=torch.zeros(3, 1), targets=torch.zeros(2), task="regression", name="odd")
    with pytest.raises(BuildError, match="'none' has no samples"):
        Dataset(inputs=torch.zeros(0, 1), targets=torch.zeros(0), task="regression", name="none")
