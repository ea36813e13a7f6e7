"""Feature sets: which columns a model sees and what is done to them, by name and version, fitted on training alone.

Owns the fitting and applying. What a step is, the kind `estimator` knows. The same rows fit the same set, so nothing of
it is stored: an experiment that is built again has it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import numpy as np
import torch
from pydantic import Field, PositiveInt
from sklearn.base import clone
from torch import Tensor

from mlgym_core.components.data.dataset import Dataset, Source, Table, target_numbers
from mlgym_core.components.data.encoding import Encoding, numbers, plain_columns
from mlgym_core.config.suggestions import did_you_mean
from mlgym_core.errors import BuildError
from mlgym_core.registry import Nested, Slot, default_registry, register

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.compose import ColumnTransformer

Column: TypeAlias = str | Annotated[int, Field(ge=0)]
"""A column by its name, or by its place counted from 0."""
_MISFIT = "MG368"


@register("feature", "columns")
@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Some columns and what is done to them.

    Args:
        columns: The columns by their name, or by their place counted from 0; all where not given.
        steps: Transformers of scikit-learn, one after the other; the columns are taken as they are where not given.
    """

    columns: list[Column] | None = None
    steps: Annotated[list[Any], Nested("estimator")] | None = None


@register("features", "columns")
def columns(
    splits: Annotated[Mapping[str, Source], Slot("splits")],
    version: PositiveInt = 1,
    columns: list[Column] | None = None,
    steps: Annotated[list[Any], Nested("estimator")] | None = None,
    others: Annotated[list[Columns], Nested("feature")] | None = None,
    fit_on: str = "train",
    allow_missing: bool = False,
) -> dict[str, Source]:
    """The splits with the named columns as inputs, scaled, encoded or imputed by transformers of scikit-learn.

    Args:
        splits: The data of each split by its name, such as `$data`: tables, or rows of numbers.
        version: Raised whenever the set changes; it is called `<data>_features_v<version>`.
        columns: The columns by their name, or by their place counted from 0; all where not given.
        steps: Transformers, one after the other; the columns are taken as they are where not given.
        others: Further columns with steps of their own, whose outputs come behind.
        fit_on: The split that the steps are fitted on.
        allow_missing: Let values stay missing, for models that take them.

    Raises:
        BuildError: a column is not there, a step does not fit it, or the data are no rows of columns.
    """
    parts = [Columns(columns=columns, steps=steps), *(others or ())]
    name = f"{_data_name(splits)}_features_v{version}"
    return apply_features(parts, splits, fit_on, name=name, allow_missing=allow_missing)


@register("features", "in_place")
def in_place(
    splits: Annotated[Mapping[str, Source], Slot("splits")],
    encodings: Annotated[list[Columns], Nested("feature")],
    version: PositiveInt = 1,
    fit_on: str = "train",
) -> dict[str, Source]:
    """The splits with each column encoded by itself, where it stands; columns that are not named stay as they are.

    Args:
        splits: The data of each split by its name, such as `$data`: tables, or rows of numbers.
        encodings: Columns and their steps, as `{use: columns, columns: [0, 2], steps: [standard_scaler]}`.
        version: Raised whenever the set changes; it is called `<data>_features_v<version>`.
        fit_on: The split that the steps are fitted on.

    Raises:
        BuildError: as for `columns`.
    """
    names = _column_names(_rows(splits, fit_on))
    steps_of: dict[int, list[Any] | None] = {}
    for encoding in encodings:
        for column in names if encoding.columns is None else encoding.columns:
            steps_of[_position(column, names)] = encoding.steps
    parts = [Columns(columns=[position], steps=steps_of.get(position)) for position in range(len(names))]
    return apply_features(parts, splits, fit_on, name=f"{_data_name(splits)}_features_v{version}")


def apply_features(
    parts: Sequence[Columns], splits: Mapping[str, Source], fit_on: str, *, name: str, allow_missing: bool = False
) -> dict[str, Source]:
    """The splits with the outputs of `parts`, side by side, as inputs; `name` is what the set is called.

    Raises:
        BuildError: a column is not there, a step does not fit it, or the data are no rows of columns.
    """
    train = _rows(splits, fit_on)
    step = _fit(parts, train, name, allow_missing=allow_missing)
    return {split: _encode(_rows(splits, split), step, name) for split in splits}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedFeatures:
    """A feature set that was fitted: rows of `columns` to inputs [N, F].

    `words` are those columns that held words in training.
    """

    name: str
    columns: tuple[str, ...]
    words: frozenset[str]
    transformer: ColumnTransformer
    allow_missing: bool = False

    def read(self, frame: pd.DataFrame) -> Tensor:
        """The inputs of a table.

        Raises:
            BuildError: a step does not take what stands in it, such as a word that training did not have.
        """
        rows = plain_columns(frame, self.words)
        for column in self.columns:
            if rows[column].dtype.kind != "f" and column not in self.words:
                numbers(rows[column].to_numpy(), what=f"column '{column}'")
        try:
            encoded = self.transformer.transform(rows)
            array = np.array(encoded.toarray() if hasattr(encoded, "toarray") else encoded, dtype=np.float32, order="C")
        except (ValueError, TypeError) as error:
            raise BuildError(f"features '{self.name}' do not take these rows: {error}", code=_MISFIT) from error
        if not self.allow_missing and np.isnan(array).any():
            hint = "begin the steps with simple_imputer, or allow_missing: true for models that take them"
            raise BuildError(f"features '{self.name}' leave values missing", code=_MISFIT, hint=hint)
        return torch.from_numpy(array)

    def __call__(self, inputs: Tensor) -> Tensor:
        """The inputs of rows of numbers [N, columns]."""
        return self.read(_frame(inputs, self.columns))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """What each input is called; empty where a step does not say."""
        try:
            return tuple(str(each) for each in self.transformer.get_feature_names_out())
        except (AttributeError, ValueError):
            return ()


def _fit(parts: Sequence[Columns], train: Dataset | Table, name: str, *, allow_missing: bool) -> FittedFeatures:
    from sklearn.compose import ColumnTransformer  # takes a moment, which only those wait for who have features
    from sklearn.pipeline import make_pipeline

    names = _column_names(train)
    transformers = []
    for number, part in enumerate(parts):
        wanted = names if part.columns is None else part.columns
        # Cloned, so that what stands in a slot stays as it was given.
        steps = [clone(step) for step in part.steps or ()]
        positions = [_position(column, names) for column in wanted]
        transformers.append((f"part_{number}", make_pipeline(*steps) if steps else "passthrough", positions))
    transformer = ColumnTransformer(transformers, sparse_threshold=0, verbose_feature_names_out=False)
    frame = train.frame if isinstance(train, Table) else _frame(train.inputs, names)
    try:
        transformer.fit(frame, target_numbers(train.targets, train.task))
    except (ValueError, TypeError, AttributeError) as error:
        raise BuildError(f"features '{name}' do not fit the data: {error}", code=_MISFIT) from error
    words = frozenset(column for column in names if frame[column].dtype.kind != "f")
    return FittedFeatures(name=name, columns=names, words=words, transformer=transformer, allow_missing=allow_missing)


def _encode(source: Dataset | Table, fitted: FittedFeatures, name: str) -> Dataset:
    feature_names = fitted.feature_names
    if isinstance(source, Dataset):
        return replace(
            source,
            inputs=fitted(source.inputs),
            encoding=source.raw.then(fitted),
            feature_names=feature_names,
            features=name,
        )
    return Dataset(
        inputs=fitted.read(source.frame),
        targets=source.targets,
        task=source.task,
        num_classes=source.num_classes,
        class_names=source.class_names,
        feature_names=feature_names,
        name=source.name,
        encoding=Encoding(columns=fitted.columns, shape=(len(fitted.columns),), read=fitted.read),
        features=name,
    )


def _rows(splits: Mapping[str, Source], split: str) -> Dataset | Table:
    if split not in splits:
        raise BuildError(f"features are fitted on '{split}'", code=_MISFIT, hint=f"there are: {', '.join(splits)}")
    source = splits[split]
    if isinstance(source, Table):
        return source
    if not isinstance(source, Dataset) or source.inputs.ndim != 2:
        raise BuildError(
            f"features take rows of columns, and split '{split}' has none",
            code=_MISFIT,
            hint="images can be given as rows by `flatten`, other data be read by `in_memory`",
        )
    return source


def _column_names(source: Dataset | Table) -> tuple[str, ...]:
    if isinstance(source, Table):
        return tuple(str(each) for each in source.frame.columns)
    return source.feature_names or tuple(str(number) for number in range(source.inputs.shape[1]))


def _position(column: Column, names: Sequence[str]) -> int:
    if isinstance(column, int) and column < len(names):
        return column
    if column not in names:
        message = f"features name the column '{column}', which the data do not have"
        hint = f"there are: {', '.join(names)}"
        raise BuildError(f"{message}{did_you_mean(str(column), list(names))}", code=_MISFIT, hint=hint)
    return names.index(str(column))


def _frame(inputs: Tensor, names: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(inputs.numpy(), columns=list(names))


def _data_name(splits: Mapping[str, Source]) -> str:
    return next((name for each in splits.values() if (name := getattr(each, "name", ""))), "data")


default_registry.set_default("features", "columns")
default_registry.set_default("feature", "columns")
