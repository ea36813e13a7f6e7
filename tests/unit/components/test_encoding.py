import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_digits, load_iris

from mlgym_core.components.data import bundled
from mlgym_core.components.data.dataset import Dataset
from mlgym_core.errors import BuildError


@pytest.fixture
def iris() -> Dataset:
    return bundled.iris(test_fraction=0)["train"]


@pytest.fixture
def frame() -> pd.DataFrame:
    bundle = load_iris()
    return pd.DataFrame(bundle.data, columns=bundle.feature_names)


def test_new_rows_are_standardized_as_those_that_were_trained_on(iris: Dataset, frame: pd.DataFrame) -> None:
    columns = {name: frame[name].tolist() for name in reversed(iris.feature_names)}

    assert torch.equal(iris.encode(frame), iris.inputs)
    assert torch.equal(iris.encode(frame.assign(more="words")), iris.inputs)
    assert torch.equal(iris.encode(columns), iris.inputs)
    assert torch.equal(iris.encode(frame.to_numpy()), iris.inputs)
    assert torch.equal(iris.encode(torch.from_numpy(load_iris().data)), iris.inputs)


def test_new_rows_of_a_split_take_the_statistics_of_training(frame: pd.DataFrame) -> None:
    splits = bundled.iris(test_fraction=0.5)

    assert torch.equal(splits["train"].encode(frame), splits["test"].encode(frame))


@pytest.mark.parametrize("settings", [{}, {"flatten": True}, {"image_size": 16}])
def test_images_are_encoded_from_grey_values(settings: dict[str, int]) -> None:
    digits = bundled.digits(test_fraction=0, **settings)["train"]
    bundle = load_digits(as_frame=True)

    assert torch.equal(digits.encode(bundle.images), digits.inputs)
    assert torch.equal(digits.encode(bundle.images.reshape(-1, 64)), digits.inputs)
    assert torch.equal(digits.encode(bundle.data), digits.inputs)


def test_data_without_a_step_are_taken_as_they_are() -> None:
    plain = Dataset(inputs=torch.zeros(2, 3), targets=torch.zeros(2), task="regression")

    assert plain.encode([[1, 2, 3]]).tolist() == [[1, 2, 3]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.rename(columns={"petal width (cm)": "petal width"}), "no column 'petal width .cm.'; did"),
        (lambda frame: frame.assign(**{"petal width (cm)": "wide"}), "column 'petal width .cm.' holds values that are"),
        (lambda frame: frame.assign(**{"petal width (cm)": np.nan}), "'petal width .cm.' has 150 missing values"),
        (lambda frame: frame.to_numpy()[:, :3], r"have the shape \[150, 3\], but a sample has the shape \[4\]"),
        (lambda frame: np.full((2, 4), "a"), "the data holds values that are no numbers"),
        (lambda frame: np.float64(3), r"have the shape \[\], but a sample"),
    ],
)
def test_rows_that_do_not_fit_are_refused(iris: Dataset, frame: pd.DataFrame, change, message: str) -> None:
    with pytest.raises(BuildError, match=message):
        iris.encode(change(frame))


def test_data_without_columns_are_not_encoded_from_a_table(frame: pd.DataFrame) -> None:
    plain = Dataset(inputs=torch.zeros(2, 3), targets=torch.zeros(2), task="regression")

    with pytest.raises(BuildError, match=r"no named columns\s+an array \[N, 3\]"):
        plain.encode(frame)
