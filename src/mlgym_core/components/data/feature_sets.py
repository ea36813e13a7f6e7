"""Feature sets of the data that come along, by the version of the data and their own.

Owns which columns they are. A set never changes: what should be another one gets another version, so that what was
trained on it can always be told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from sklearn.preprocessing import StandardScaler

from mlgym_core.components.data import bundled
from mlgym_core.components.data.dataset import Dataset, Source
from mlgym_core.components.data.features import Columns, apply_features
from mlgym_core.errors import BuildError
from mlgym_core.registry import Slot, register

_OTHER_DATA = "MG369"


@register("features", "iris_v1_features_v1")
def iris_v1_features_v1(
    splits: Annotated[Mapping[str, Source], Slot("splits")], fit_on: str = "train"
) -> dict[str, Source]:
    """Iris: length and width of sepal and petal in cm, each at mean 0 and deviation 1.

    Args:
        splits: Splits of `{use: iris, standardize: false}`.
        fit_on: The split that mean and deviation are taken from.

    Raises:
        BuildError: the data are others, or were changed before.
    """
    return _standardized("iris", splits, fit_on)


@register("features", "wine_v1_features_v1")
def wine_v1_features_v1(
    splits: Annotated[Mapping[str, Source], Slot("splits")], fit_on: str = "train"
) -> dict[str, Source]:
    """Wine: 13 measures of its chemistry, each at mean 0 and deviation 1.

    Args:
        splits: Splits of `{use: wine, standardize: false}`.
        fit_on: The split that mean and deviation are taken from.

    Raises:
        BuildError: the data are others, or were changed before.
    """
    return _standardized("wine", splits, fit_on)


@register("features", "breast_cancer_v1_features_v1")
def breast_cancer_v1_features_v1(
    splits: Annotated[Mapping[str, Source], Slot("splits")], fit_on: str = "train"
) -> dict[str, Source]:
    """Breast cancer: 30 measures of cell nuclei, each at mean 0 and deviation 1.

    Args:
        splits: Splits of `{use: breast_cancer, standardize: false}`.
        fit_on: The split that mean and deviation are taken from.

    Raises:
        BuildError: the data are others, or were changed before.
    """
    return _standardized("breast_cancer", splits, fit_on)


@register("features", "diabetes_v1_features_v1")
def diabetes_v1_features_v1(
    splits: Annotated[Mapping[str, Source], Slot("splits")], fit_on: str = "train"
) -> dict[str, Source]:
    """Diabetes: age, sex, body mass, blood pressure and six blood values, each at mean 0 and deviation 1.

    Args:
        splits: Splits of `{use: diabetes, standardize: false}`.
        fit_on: The split that mean and deviation are taken from.

    Raises:
        BuildError: the data are others, or were changed before.
    """
    return _standardized("diabetes", splits, fit_on)


@register("features", "digits_v1_features_v1")
def digits_v1_features_v1(
    splits: Annotated[Mapping[str, Source], Slot("splits")], fit_on: str = "train"
) -> dict[str, Source]:
    """Digits: the 64 grey values of an image in 0..1, as a row.

    Args:
        splits: Splits of `{use: digits, flatten: true}`.
        fit_on: A split that must be there; nothing is fitted.

    Raises:
        BuildError: the data are others, or were changed before.
    """
    _check("digits", splits, bundled.digits(flatten=True)["train"])
    return apply_features([Columns()], splits, fit_on, name="digits_v1_features_v1")


def _standardized(data: str, splits: Mapping[str, Source], fit_on: str) -> dict[str, Source]:
    _check(data, splits, getattr(bundled, data)(standardize=False)["train"])
    return apply_features([Columns(steps=[StandardScaler()])], splits, fit_on, name=f"{data}_v1_features_v1")


def _check(data: str, splits: Mapping[str, Source], known: Dataset) -> None:
    """See that the splits are of those data, as they come."""
    for split, source in splits.items():
        if not isinstance(source, Dataset) or source.feature_names != known.feature_names:
            raise BuildError(
                f"{data}_v1_features_v1 are features of '{data}', and split '{split}' is not", code=_OTHER_DATA
            )
        if source.encoding != known.encoding:
            raise BuildError(
                f"{data}_v1_features_v1 begin with '{data}' as it comes, but split '{split}' was changed before",
                code=_OTHER_DATA,
                hint="standardize: false, and no other features before these",
            )
