import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_iris
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler

from mlgym_core.components.data import bundled, feature_sets
from mlgym_core.components.data.dataset import Dataset, Table
from mlgym_core.components.data.features import Columns, columns, in_place
from mlgym_core.components.data.holdout import hold_out
from mlgym_core.components.data.loaders import make_loader
from mlgym_core.components.data.tables import csv
from mlgym_core.errors import BuildError


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "age": [20.0, 30.0, None, 50.0, 40.0, 60.0] * 4,
            "city": ["Rome", "Oslo", "Rome", None, "Oslo", "Rome"] * 4,
            "bought": ["yes", "no"] * 12,
        }
    )


@pytest.fixture
def table(frame: pd.DataFrame, tmp_path) -> dict[str, Table]:
    frame.to_csv(tmp_path / "shop.csv", index=False)
    return csv(tmp_path / "shop.csv", target="bought", test_fraction=0.5)


def rows() -> dict[str, Dataset]:
    inputs = torch.tensor([[1.0, 10.0, 0.0], [2.0, 20.0, 1.0], [3.0, 30.0, 2.0], [4.0, 40.0, 1.0]])
    train = Dataset(inputs=inputs, targets=torch.zeros(4), task="regression", feature_names=("a", "b", "c"), name="abc")
    return {"train": train, "val": train.subset(torch.tensor([3]))}


CITY = Columns(columns=["city"], steps=[SimpleImputer(strategy="most_frequent"), OneHotEncoder()])


def test_words_and_gaps_become_numbers(table, frame: pd.DataFrame) -> None:
    encoded = columns(table, columns=["age"], steps=[SimpleImputer(), StandardScaler()], others=[CITY])

    train = encoded["train"]
    assert isinstance(train, Dataset)
    assert train.feature_names == ("age", "city_Oslo", "city_Rome")
    assert (train.features, train.task, train.class_names) == ("shop_features_v1", "binary", ("no", "yes"))
    assert train.inputs[:, 0].mean().item() == pytest.approx(0, abs=1e-6)
    assert train.inputs[:, 1:].sum(1).tolist() == [1] * 12
    whole = encoded["test"].encode(frame.drop(columns="bought"))
    assert torch.equal(whole[table["train"].frame.index], train.inputs)
    assert torch.equal(whole[table["test"].frame.index], encoded["test"].inputs)
    make_loader(train, batch_size=4, eval_batch_size=4, sampling="random", drop_last=False, seed=0)


def test_steps_are_fitted_on_training_alone_and_left_as_they_were() -> None:
    scaler = MinMaxScaler()
    splits = columns(rows(), columns=["a"], steps=[scaler])

    assert splits["train"].inputs.flatten().tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert splits["val"].inputs.flatten().tolist() == [1]
    assert not hasattr(scaler, "scale_")
    other = columns(rows(), columns=["a"], steps=[scaler], fit_on="val")
    assert other["train"].inputs.flatten().tolist() == [-3, -2, -1, 0]


def test_columns_alone_are_a_choice_and_an_order() -> None:
    chosen = columns(rows(), version=3, columns=["c", 0])["train"]

    assert chosen.inputs.tolist() == [[0, 1], [1, 2], [2, 3], [1, 4]]
    assert (chosen.feature_names, chosen.features) == (("c", "a"), "abc_features_v3")
    assert torch.equal(columns(rows())["train"].inputs, rows()["train"].inputs)


def test_new_rows_go_through_what_came_before_the_features_too() -> None:
    iris = bundled.iris(test_fraction=0)
    encoded = columns(iris, columns=[3, 0], steps=[MinMaxScaler()])["train"]

    assert torch.equal(encoded.encode(load_iris().data), encoded.inputs)


def test_each_column_is_encoded_where_it_stands() -> None:
    encodings = [Columns(columns=[2], steps=[OneHotEncoder()]), Columns(columns=["a"], steps=[StandardScaler()])]

    train = in_place(rows(), encodings)["train"]

    assert train.feature_names == ("a", "b", "c_0.0", "c_1.0", "c_2.0")
    assert train.inputs[:, 1].tolist() == [10, 20, 30, 40]
    assert train.inputs[:, 2:].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0]]
    assert torch.equal(train.encode(rows()["train"].inputs.numpy()), train.inputs)


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes"])
def test_bundled_sets_have_a_version_and_standard_columns(name: str) -> None:
    raw = getattr(bundled, name)(standardize=False)

    ours = getattr(feature_sets, f"{name}_v1_features_v1")(raw)["test"]

    theirs = getattr(bundled, name)(standardize=True)["test"]
    assert ours.features == f"{name}_v1_features_v1"
    assert ours.feature_names == theirs.feature_names
    torch.testing.assert_close(ours.inputs, theirs.inputs, atol=1e-5, rtol=1e-5)


def test_bundled_digits_are_rows_of_grey_values() -> None:
    splits = feature_sets.digits_v1_features_v1(bundled.digits(flatten=True))

    assert torch.equal(splits["test"].inputs, bundled.digits(flatten=True)["test"].inputs)
    assert splits["test"].features == "digits_v1_features_v1"


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        (bundled.wine(standardize=False), "are features of 'iris', and split 'train' is not"),
        (bundled.iris(), r"begin with 'iris' as it comes, .* was changed before\s+standardize: false"),
    ],
)
def test_bundled_sets_take_their_own_data_as_they_come(splits, message: str) -> None:
    with pytest.raises(BuildError, match=message):
        feature_sets.iris_v1_features_v1(splits)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"columns": ["agee", "b"]}, r"name the column 'agee', which the data do not have"),
        ({"columns": [3]}, "name the column '3', which the data do not have"),
        ({"fit_on": "tain"}, r"fitted on 'tain'\s+there are: train, val"),
    ],
)
def test_what_is_not_there_is_named(settings, message: str) -> None:
    with pytest.raises(BuildError, match=message):
        columns(rows(), **settings)


def test_a_step_that_does_not_fit_says_why(table) -> None:
    with pytest.raises(
        BuildError, match=r"features 'shop_features_v1' do not fit the data: .*could not convert string"
    ):
        columns(table, steps=[StandardScaler()])
    with pytest.raises(BuildError, match=r"'shop_features_v1' leave values missing\s+begin the steps with simple_imp"):
        columns(table, columns=["age"], steps=[StandardScaler()])


def test_a_word_that_training_did_not_have_is_refused(table) -> None:
    train = columns(table, columns=["city"], steps=CITY.steps)["train"]

    with pytest.raises(BuildError, match=r"do not take these rows: Found unknown categories \['Bonn'\]"):
        train.encode({"age": [3], "city": ["Bonn"]})


def test_new_words_are_read_as_training_read_them(tmp_path) -> None:
    (tmp_path / "sizes.csv").write_text("size,width,y\n8,1,0\n10,2,1\nXL,3,0\n8,4,1\n")
    table = csv(tmp_path / "sizes.csv", target="y", test_fraction=0)
    train = columns(table, columns=["size"], steps=[OneHotEncoder()], others=[Columns(columns=["width"])])["train"]

    assert train.encode(pd.DataFrame({"size": [10, 8], "width": [1, 2]})).tolist() == [[1, 0, 0, 1], [0, 1, 0, 2]]
    assert train.encode(np.array([["XL", 3]], dtype=object)).tolist() == [[0, 0, 1, 3]]
    with pytest.raises(BuildError, match="column 'width' holds values that are no numbers"):
        train.encode({"size": ["8"], "width": ["wide"]})


def test_values_may_stay_missing_for_models_that_take_them(table) -> None:
    train = columns(table, columns=["age"], allow_missing=True)["train"]

    assert int(torch.isnan(train.inputs).sum()) == int(table["train"].frame["age"].isna().sum()) > 0
    assert torch.isnan(train.encode({"age": [None], "city": ["Rome"]})).all()


def test_a_step_may_look_at_the_targets() -> None:
    informative = columns(bundled.iris(), steps=[SelectKBest(k=1)])["train"]

    assert informative.feature_names == ("petal length (cm)",)


def test_images_are_no_rows() -> None:
    with pytest.raises(BuildError, match=r"split 'train' has none\s+images can be given as rows by `flatten`"):
        columns(bundled.digits())


def test_numbers_and_words_may_be_one_table_of_ordinals() -> None:
    frame = pd.DataFrame({"size": ["s", "l", "m", "s"], "price": np.arange(4.0, dtype=np.float32)})
    table = Table(frame=frame, targets=torch.zeros(4), task="regression", name="shirts")
    order = OrdinalEncoder(categories=[["s", "m", "l"]])

    train = columns(hold_out(table, 0), columns=["size"], steps=[order], others=[Columns(columns=["price"])])["train"]

    assert train.inputs.tolist() == [[0, 0], [2, 1], [1, 2], [0, 3]]
