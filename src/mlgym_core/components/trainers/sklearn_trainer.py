"""Fitting an estimator of scikit-learn: in batches, by a growing ensemble, or as a whole.

Owns the estimator and what an epoch of it is. It knows neither scores nor events, nor how its file is written.
"""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property, partial
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone, is_classifier, is_regressor
from sklearn.pipeline import Pipeline
from threadpoolctl import ThreadpoolController
from torch import Tensor

from mlgym_core.checkpoints.fitting import OTHER_ARCHITECTURE
from mlgym_core.checkpoints.protocols import Frozen
from mlgym_core.components.data.loaders import Loader
from mlgym_core.components.outputs import Scale
from mlgym_core.components.trainers.estimator_file import check_types, dump_estimator, load_estimator
from mlgym_core.components.trainers.splits import (
    check_batches,
    count_classes,
    rows_of,
    targets_of,
    tensor_like,
    training_loader,
    whole_split,
)
from mlgym_core.errors import BuildError, StoreError
from mlgym_core.registry import Slot, register

Way: TypeAlias = Literal["batches", "growing", "whole"]

MODEL = "model.skops"
_MISFITS = (ValueError, TypeError)
"""What scikit-learn raises where data do not fit an estimator."""


@register("trainer", "sklearn")
class SklearnTrainer:
    """Fits an estimator of scikit-learn, or a pipeline whose steps but the last are fitted once, on the whole split.

    Args:
        split: The split to train on.
        fit: What an epoch is: a pass in `batches` by partial_fit, a forest or boosting `growing` by as many estimators
            as the model says, or the `whole` fit, of which there is one; the first of these that can be by default.
        trusted: Types of your own that a checkpoint may hold, as module.Class; scikit-learn's own are trusted.
    """

    def __init__(
        self,
        model: Annotated[BaseEstimator, Slot("model")],
        loaders: Annotated[Mapping[str, Loader], Slot("loaders")],
        split: str = "train",
        fit: Way | None = None,
        trusted: list[str] | None = None,
    ) -> None:
        self.split = split
        self.step = 0
        self._model: Any = model
        self._loaders = loaders
        self._loader = training_loader(loaders, split)
        self._trusted = tuple(trusted or ())
        self._way = _way_to_fit(_last(model), fit)
        self._size = _last(model).get_params()[_size_of(_last(model))] if self._way == "growing" else 0
        self._told: set[str] = set()
        self._notices: list[str] = []
        self._are_types_checked = False
        if self._way == "batches":
            check_batches(self._loader, split)

    @property
    def num_batches(self) -> int:
        """Batches of an epoch; a growing or whole fit is one."""
        return self._loader.num_batches if self._way == "batches" else 1

    @property
    def model(self) -> Any:
        """The estimator as it is fitted so far."""
        return self._model

    @property
    def max_epochs(self) -> int | None:
        """How many epochs there can be; None for any number."""
        return 1 if self._way == "whole" else None

    @property
    def output_scale(self) -> Scale:
        """Probabilities where the estimator gives them, else values of its decision function, else labels."""
        if is_regressor(self._model):
            return "values"
        if hasattr(self._model, "predict_proba"):
            return "probabilities"
        # Of a decision between each two classes nothing can be read for one class alone.
        is_by_class = getattr(_last(self._model), "decision_function_shape", "ovr") == "ovr"
        return "decision" if is_by_class and hasattr(self._model, "decision_function") else "labels"

    def prepare(self, device: torch.device) -> None:
        """Nothing: an estimator works on the processor, wherever the batches come from."""

    def train_epoch(self, epoch: int, first_batch: int = 0) -> Iterator[int]:
        """The batches of an epoch from `first_batch` on, each when it is fitted."""
        if self._way == "batches":
            yield from self._fit_batches(epoch, first_batch)
        elif first_batch == 0:
            with self._working():
                if self._way == "growing":
                    self._grow(epoch)
                else:
                    self._model.fit(*self._whole)
            self.step += 1
            yield 0

    def finish_epoch(self, scores: Mapping[str, float]) -> None:
        """Nothing: an estimator takes no note of scores."""

    def predict(self, inputs: Any) -> Tensor:
        """What `output_scale` says, for a batch of inputs [N, ...]: a column for each class, or one value a sample."""
        rows = rows_of(inputs)
        with self._working():
            match self.output_scale:
                case "probabilities":
                    outputs = self._by_class(self._model.predict_proba(rows), is_probability=True)
                case "decision":
                    outputs = self._by_class(self._model.decision_function(rows), is_probability=False)
                case _:
                    outputs = self._model.predict(rows)
        return tensor_like(outputs, inputs)

    def rehearse(self, num_samples: int) -> tuple[Tensor, Tensor]:
        """Outputs shaped as those to come, and targets; fitted on the first samples where batches are.

        Raises:
            BuildError: the estimator is not for the task, or does not take the data.
            StoreError: no checkpoint can hold it.
        """
        _check_task(self._model, self._loader)
        inputs, targets = self._loader.sample(num_samples)
        rows = rows_of(inputs)
        trial = copy.copy(self)
        trial._model = clone(self._model)
        head = _head(trial._model)
        if self._way == "batches" and head is None:
            try:
                trial._fit_batch(rows, targets_of(targets, self._loader.task), None)
                outputs = trial.predict(inputs)
            except _MISFITS as error:
                raise BuildError(f"{_title(self._model)} does not take the data: {error}", code="MG320") from error
        else:
            is_single = self.output_scale in ("values", "labels") or (
                self.output_scale == "decision" and self._num_classes == 2
            )
            shape = (len(rows),) if is_single else (len(rows), self._num_classes)
            outputs = torch.zeros(shape, dtype=torch.long if self.output_scale == "labels" else torch.double)
        check_types(dump_estimator(trial._model), self._trusted)
        return outputs, targets

    def resources(self) -> dict[str, Frozen]:
        """The fitted estimator as a file."""
        # What was fitted as a whole is not fitted again, and may hold all of the data: it needs no copy.
        return {MODEL: partial(self._dump, self._model if self._way == "whole" else copy.deepcopy(self._model))}

    def load_resources(self, load: Callable[[str], bytes]) -> None:
        """Go on from the file that `resources` gave; `load` reads one by name."""
        found = load_estimator(load(MODEL), self._trusted)
        if _titles(found) != _titles(self._model):
            raise StoreError(
                f"the checkpoint is of another architecture: it holds {_titles(found)}, and the model is "
                f"{_titles(self._model)}",
                code=OTHER_ARCHITECTURE,
                hint="go on with the configuration and the code that it was trained with",
            )
        self._model = found

    def take_notices(self) -> list[str]:
        """What scikit-learn has warned of since it was last asked, each warning once in a training."""
        notices, self._notices = self._notices, []
        return notices

    def _fit_batches(self, epoch: int, first_batch: int) -> Iterator[int]:
        head = _head(self._model)
        if head is not None and epoch == 0 and first_batch == 0:
            with self._working():
                head.fit(*self._whole)
        for batch, (inputs, targets) in enumerate(self._loader.epoch(epoch, first_batch), first_batch):
            with self._working():
                self._fit_batch(rows_of(inputs), targets_of(targets, self._loader.task), head)
            self.step += 1
            yield batch

    def _fit_batch(self, rows: NDArray[Any], targets: NDArray[Any], head: Pipeline | None) -> None:
        last = _last(self._model)
        knows_classes = "classes" in inspect.signature(last.partial_fit).parameters
        more = {"classes": np.unique(self._labels)} if knows_classes and is_classifier(last) else {}
        last.partial_fit(rows if head is None else head.transform(rows), targets, **more)

    def _grow(self, epoch: int) -> None:
        rows, targets = self._whole
        head, last = _head(self._model), _last(self._model)
        if head is not None:
            rows = (head.fit(rows, targets) if epoch == 0 else head).transform(rows)
        last.set_params(warm_start=True, **{_size_of(last): self._size * (epoch + 1)})
        last.fit(rows, targets)

    def _by_class(self, outputs: NDArray[Any], *, is_probability: bool) -> NDArray[Any]:
        """A column for each class, also where the split to train on lacks some: of probability 0, else the least."""
        classes = self._model.classes_
        if len(classes) == self._num_classes:
            return outputs
        columns = np.column_stack([-outputs, outputs]) if outputs.ndim == 1 else outputs
        least = np.zeros(len(columns)) if is_probability else columns.min(axis=1)
        found = np.repeat(least[:, None], self._num_classes, axis=1)
        found[:, classes] = columns
        return found

    def _dump(self, model: BaseEstimator) -> bytes:
        content = dump_estimator(model)
        if not self._are_types_checked:  # what cannot be loaded later is no checkpoint; the types stay the same
            check_types(content, self._trusted)
            self._are_types_checked = True
        return content

    @contextmanager
    def _working(self) -> Iterator[None]:
        """As many threads as torch has, because their number shapes the last bits; warnings become notices."""
        with (
            self._threads.limit(limits=torch.get_num_threads()),
            warnings.catch_warnings(record=True, action="default") as caught,
        ):
            yield
        for each in caught:
            told = f"{_title(self._model)}: {each.message}"
            if told not in self._told:
                self._told.add(told)
                self._notices.append(told)

    @cached_property
    def _threads(self) -> ThreadpoolController:
        return ThreadpoolController()

    @cached_property
    def _whole(self) -> tuple[NDArray[Any], NDArray[Any]]:
        return whole_split(self._loader)

    @cached_property
    def _labels(self) -> NDArray[Any]:
        known = self._loader.known_targets()
        return self._whole[1] if known is None else targets_of(known, self._loader.task)

    @cached_property
    def _num_classes(self) -> int:
        return count_classes(self._loaders, self._labels)


def _last(model: BaseEstimator) -> Any:
    """The estimator that predicts: the last step of a pipeline."""
    return model[-1] if isinstance(model, Pipeline) else model


def _head(model: BaseEstimator) -> Pipeline | None:
    """The steps of a pipeline before its last, the same objects."""
    return model[:-1] if isinstance(model, Pipeline) and len(model) > 1 else None


def _title(model: BaseEstimator) -> str:
    return type(_last(model)).__name__


def _titles(model: BaseEstimator) -> str:
    steps = model if isinstance(model, Pipeline) else [model]
    return ", ".join(type(step).__name__ for step in steps)


def _size_of(estimator: BaseEstimator) -> str:
    """The argument that says how many estimators an ensemble has; empty where it cannot grow."""
    parameters = estimator.get_params(deep=False)
    size = "max_iter" if type(estimator).__name__.startswith("HistGradientBoosting") else "n_estimators"
    return size if "warm_start" in parameters and size in parameters else ""


def _way_to_fit(estimator: Any, wanted: Way | None) -> Way:
    can: dict[Way, bool] = {
        "batches": hasattr(estimator, "partial_fit"),
        "growing": bool(_size_of(estimator)),
        "whole": hasattr(estimator, "fit"),
    }
    possible = [way for way, is_possible in can.items() if is_possible]
    if not possible or (wanted is not None and wanted not in possible):
        raise BuildError(
            f"{type(estimator).__name__} cannot be fitted {f'by fit: {wanted}' if wanted else 'at all'}",
            code="MG351",
            hint=f"it can: {', '.join(possible)}" if possible else "it needs a method fit",
        )
    return wanted or possible[0]


def _check_task(model: BaseEstimator, loader: Loader) -> None:
    is_regression = loader.task == "regression"
    if not (is_regressor(model) if is_regression else is_classifier(model)):
        raise BuildError(
            f"{_title(model)} is no {'regressor' if is_regression else 'classifier'}, and the task is {loader.task}",
            code="MG351",
            hint="`mlgym components model` lists estimators for both",
        )
