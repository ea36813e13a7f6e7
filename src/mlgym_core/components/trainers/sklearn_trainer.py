"""Fitting an estimator of scikit-learn: in batches, by a growing ensemble, or as a whole.

Owns the estimator and what an epoch of it is. It knows neither scores nor events, nor how its file is written.
"""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import cached_property, partial
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone, is_regressor
from sklearn.pipeline import Pipeline
from threadpoolctl import ThreadpoolController
from torch import Tensor

from mlgym_core.checkpoints.contents import Frozen
from mlgym_core.checkpoints.fitting import of_another
from mlgym_core.components.data.dataset import target_numbers
from mlgym_core.components.data.loaders import Loader
from mlgym_core.components.outputs import Scale
from mlgym_core.components.trainers.estimator_file import check_types, dump_estimator, load_estimator
from mlgym_core.components.trainers.estimator_parts import (
    Way,
    check_task,
    first_steps,
    last_step,
    size_argument,
    stacks_by_default,
    title,
    titles,
    way_to_fit,
)
from mlgym_core.components.trainers.splits import (
    WholeSplit,
    check_batches,
    rows_of,
    tensor_like,
)
from mlgym_core.errors import BuildError
from mlgym_core.registry import Slot, register

MODEL = "model.skops"
_MISFITS = (ValueError, TypeError)
"""What scikit-learn raises where data do not fit an estimator."""


@register("trainer", "sklearn")
class SklearnTrainer:
    """Fits an estimator of scikit-learn, or a pipeline whose steps but the last are fitted once, on the whole split.

    Args:
        split: The split to train on.
        fit: What an epoch is: a pass in `batches`, an ensemble `growing` by as many estimators as the model says, or
            the one `whole` fit; the first of these that there can be where not given.
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
        self._whole = WholeSplit(loaders, split)
        self._loader = self._whole.loader
        self._trusted = tuple(trusted or ())
        self._way = way_to_fit(last_step(model), fit)
        self._size = last_step(model).get_params()[size_argument(last_step(model))] if self._way == "growing" else 0
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
        if hasattr(self._model, "predict_proba") or stacks_by_default(self._model):
            return "probabilities"
        # Of a decision between each two classes nothing can be read for one class alone.
        is_by_class = getattr(last_step(self._model), "decision_function_shape", "ovr") == "ovr"
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
                    self._model.fit(*self._whole.arrays)
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
        check_task(self._model, self._loader)
        inputs, targets = self._loader.sample(num_samples)
        rows = rows_of(inputs)
        trial = copy.copy(self)
        trial._model = clone(self._model)
        if self._way == "batches" and first_steps(trial._model) is None:
            try:
                with warnings.catch_warnings(action="ignore"):  # two samples are few
                    trial._fit_batch(rows, target_numbers(targets, self._loader.task), None)
            except _MISFITS as error:
                raise BuildError(f"{title(self._model)} does not take the data: {error}", code="MG320") from error
        check_types(dump_estimator(trial._model), self._trusted)
        return self._blank_outputs(len(rows)), targets

    def resources(self) -> dict[str, Frozen]:
        """The fitted estimator as a file."""
        # A copy also where nothing is fitted any more: neighbours count how often they were asked.
        return {MODEL: partial(self._dump, copy.deepcopy(self._model))}

    def load_resources(self, load: Callable[[str], bytes]) -> None:
        """Go on from the file that `resources` gave; `load` reads one by name.

        Raises:
            StoreError: it is not whole, or of another architecture.
        """
        found = load_estimator(load(MODEL), self._trusted)
        if titles(found) != titles(self._model):
            raise of_another(f"it holds {titles(found)}, and the model is {titles(self._model)}")
        self._model = found

    def _fit_batches(self, epoch: int, first_batch: int) -> Iterator[int]:
        head = first_steps(self._model)
        if head is not None and epoch == 0 and first_batch == 0:
            with self._working():
                head.fit(*self._whole.arrays)
        for batch, (inputs, targets) in enumerate(self._loader.epoch(epoch, first_batch), first_batch):
            with self._working():
                self._fit_batch(rows_of(inputs), target_numbers(targets, self._loader.task), head)
            self.step += 1
            yield batch

    def _fit_batch(self, rows: NDArray[Any], targets: NDArray[Any], head: Pipeline | None) -> None:
        features = rows if head is None else head.transform(rows)
        last_step(self._model).partial_fit(features, targets, **self._of_all_batches)

    def _grow(self, epoch: int) -> None:
        rows, targets = self._whole.arrays
        head, last = first_steps(self._model), last_step(self._model)
        if head is not None:
            rows = (head.fit(rows, targets) if epoch == 0 else head).transform(rows)
        last.set_params(warm_start=True, **{size_argument(last): self._size * (epoch + 1)})
        last.fit(rows, targets)

    def _blank_outputs(self, num_samples: int) -> Tensor:
        """Shaped as those to come; what two samples are enough to fit, would not tell."""
        scale = self.output_scale
        is_single = scale in ("values", "labels") or (scale == "decision" and self._whole.num_classes == 2)
        shape = (num_samples,) if is_single else (num_samples, self._whole.num_classes)
        return torch.zeros(shape, dtype=torch.long if scale == "labels" else torch.double)

    def _by_class(self, outputs: NDArray[Any], *, is_probability: bool) -> NDArray[Any]:
        """A column for each class, also where the split to train on lacks some: of probability 0, else the least."""
        classes = self._model.classes_
        if len(classes) == self._whole.num_classes:
            return outputs
        columns = np.column_stack([-outputs, outputs]) if outputs.ndim == 1 else outputs
        least = np.zeros(len(columns)) if is_probability else columns.min(axis=1)
        found = np.repeat(least[:, None], self._whole.num_classes, axis=1)
        found[:, classes] = columns
        return found

    def _dump(self, model: BaseEstimator) -> bytes:
        content = dump_estimator(model)
        if not self._are_types_checked:  # what cannot be loaded later is no checkpoint; the types stay the same
            check_types(content, self._trusted)
            self._are_types_checked = True
        return content

    def _working(self) -> AbstractContextManager[Any]:
        """As many threads as torch has, because their number shapes the last bits."""
        limits: AbstractContextManager[Any] = self._threads.limit(limits=torch.get_num_threads())
        return limits

    @cached_property
    def _threads(self) -> ThreadpoolController:
        return ThreadpoolController()

    @cached_property
    def _of_all_batches(self) -> dict[str, Any]:
        """What partial_fit is told beside a batch, which may lack some of the classes."""
        takes_classes = "classes" in inspect.signature(last_step(self._model).partial_fit).parameters
        return {"classes": np.unique(self._whole.targets)} if takes_classes else {}
