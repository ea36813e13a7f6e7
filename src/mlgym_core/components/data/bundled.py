"""The data sets that scikit-learn brings along, so that a first run needs no download.

Owns their shapes and names. The samples for testing are the same whatever the seed, so that experiments compare.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Annotated, Any

import torch
from pydantic import Field
from sklearn import datasets
from torch import Tensor

from mlgym_core.components.data.dataset import Dataset, Task
from mlgym_core.components.data.encoding import Encoding
from mlgym_core.components.data.holdout import TestFraction, hold_out, standardize_inputs
from mlgym_core.registry import register

_LOADERS = {
    "digits": datasets.load_digits,
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast_cancer": datasets.load_breast_cancer,
    "diabetes": datasets.load_diabetes,
}


@register("data", "digits")
def digits(
    test_fraction: TestFraction = 0.2, image_size: Annotated[int, Field(ge=1)] | None = None, flatten: bool = False
) -> dict[str, Dataset]:
    """1,797 grey images of ten handwritten digits, [1, 8, 8] with values in 0..1, as splits `train` and `test`.

    Args:
        test_fraction: The share of samples in `test`.
        image_size: The side that images are resized to, bilinearly.
        flatten: Give each image as one row of features.
    """
    return dict(_digits(test_fraction, image_size, flatten))


@register("data", "iris")
def iris(test_fraction: TestFraction = 0.2, standardize: bool = True) -> dict[str, Dataset]:
    """150 flowers of three kinds, four features, as splits `train` and `test`.

    Args:
        test_fraction: The share of samples in `test`.
        standardize: Shift and scale each feature to mean 0 and deviation 1 on `train`.
    """
    return dict(_table("iris", test_fraction, standardize))


@register("data", "wine")
def wine(test_fraction: TestFraction = 0.2, standardize: bool = True) -> dict[str, Dataset]:
    """178 wines of three growers, 13 features, as splits `train` and `test`.

    Args:
        test_fraction: The share of samples in `test`.
        standardize: Shift and scale each feature to mean 0 and deviation 1 on `train`.
    """
    return dict(_table("wine", test_fraction, standardize))


@register("data", "breast_cancer")
def breast_cancer(test_fraction: TestFraction = 0.2, standardize: bool = True) -> dict[str, Dataset]:
    """569 tumours, malignant (0) or benign (1), 30 features, as splits `train` and `test`.

    Args:
        test_fraction: The share of samples in `test`.
        standardize: Shift and scale each feature to mean 0 and deviation 1 on `train`.
    """
    return dict(_table("breast_cancer", test_fraction, standardize))


@register("data", "diabetes")
def diabetes(test_fraction: TestFraction = 0.2, standardize: bool = True) -> dict[str, Dataset]:
    """442 patients, ten features, the progression after a year to predict, as splits `train` and `test`.

    Args:
        test_fraction: The share of samples in `test`.
        standardize: Shift and scale each feature to mean 0 and deviation 1 on `train`.
    """
    return dict(_table("diabetes", test_fraction, standardize))


@cache
def _bundled(name: str) -> Any:
    return _LOADERS[name]()


@lru_cache(maxsize=8)
def _digits(test_fraction: float, image_size: int | None, flatten: bool) -> dict[str, Dataset]:
    bundle = _bundled("digits")
    prepare = _Digits(image_size=image_size, flatten=flatten)
    whole = Dataset(
        inputs=prepare(torch.from_numpy(bundle.images).float()),
        targets=torch.from_numpy(bundle.target).long(),
        task="multiclass",
        num_classes=10,
        class_names=tuple(str(each) for each in bundle.target_names),
        feature_names=tuple(bundle.feature_names) if flatten and image_size is None else (),
        name="digits",
        encoding=Encoding(columns=tuple(bundle.feature_names), shape=(8, 8), steps=(prepare,)),
    )
    return hold_out(whole, test_fraction)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Digits:
    """Grey values from 0 to 16 [N, 8, 8] as images [N, 1, H, W] with values in 0..1, or as rows."""

    image_size: int | None
    flatten: bool

    def __call__(self, grey: Tensor) -> Tensor:
        images = grey.div(16).unsqueeze(1)
        if self.image_size is not None:
            size = (self.image_size, self.image_size)
            images = torch.nn.functional.interpolate(images, size=size, mode="bilinear", align_corners=False)
        return (images.flatten(1) if self.flatten else images).contiguous()


@lru_cache(maxsize=8)
def _table(name: str, test_fraction: float, standardize: bool) -> dict[str, Dataset]:
    bundle = _bundled(name)
    tasks: dict[str, Task] = {"breast_cancer": "binary", "diabetes": "regression"}
    task = tasks.get(name, "multiclass")
    targets = torch.from_numpy(bundle.target)
    whole = Dataset(
        inputs=torch.from_numpy(bundle.data).float(),
        targets=targets.float() if task == "regression" else targets.long(),
        task=task,
        num_classes=None if task == "regression" else len(bundle.target_names),
        class_names=() if task == "regression" else tuple(str(each) for each in bundle.target_names),
        feature_names=tuple(str(each) for each in bundle.feature_names),
        name=name,
    )
    splits = hold_out(whole, test_fraction)
    return standardize_inputs(splits) if standardize else splits
