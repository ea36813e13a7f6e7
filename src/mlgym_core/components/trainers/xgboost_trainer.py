"""Boosting with XGBoost: a round is a step, and an epoch is some rounds.

Owns the booster, and that each round depends on the trees before it and a seed of its own alone, so that it can be
resumed after any of them. It knows neither scores nor events. xgboost is imported when there is something to boost.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import torch
from numpy.typing import NDArray
from pydantic import PositiveInt
from torch import Tensor

from mlgym_core.checkpoints.contents import Frozen, Ready
from mlgym_core.checkpoints.fitting import not_whole, of_another
from mlgym_core.components.data.dataset import target_numbers
from mlgym_core.components.data.loaders import Loader
from mlgym_core.components.data.order import derive_seed
from mlgym_core.components.outputs import Scale
from mlgym_core.components.trainers.boosted_trees import REFUSED, BoostedTrees, Objective, objective_for
from mlgym_core.components.trainers.splits import (
    WholeSplit,
    rows_of,
    tensor_like,
)
from mlgym_core.errors import BuildError
from mlgym_core.registry import Slot, register

MODEL = "model.ubj"


class _Margins(NamedTuple):
    """What the trees of the first rounds say of a batch [N] or [N, C]."""

    num_rounds: int
    values: NDArray[Any]


@register("trainer", "xgboost")
class XGBoostTrainer:
    """Rounds of boosting over one split; which samples and features each draws depends on the seed and its number.

    Args:
        split: The split to train on.
        rounds_per_epoch: Rounds after which there are scores, and early stopping is asked.
    """

    def __init__(
        self,
        model: Annotated[BoostedTrees, Slot("model")],
        loaders: Annotated[Mapping[str, Loader], Slot("loaders")],
        seed: int,
        split: str = "train",
        rounds_per_epoch: PositiveInt = 1,
    ) -> None:
        self.split = split
        self.step = 0
        self.num_batches = rounds_per_epoch
        self._whole = WholeSplit(loaders, split)
        self._loader = self._whole.loader
        self._seed = seed
        self._trees = model
        self._parameters = model.parameters()
        self._xgboost = _import_xgboost()
        self._margins: dict[bytes, _Margins] = {}
        self._is_training = False
        self._booster: Any
        self._data: Any

    @property
    def model(self) -> Any:
        """The booster with the trees that were grown so far."""
        return self._booster

    @property
    def output_scale(self) -> Scale:
        """What the objective's margins are read as."""
        return self._objective.scale

    def prepare(self, device: torch.device) -> None:
        """Take the whole split to where xgboost trains: a GPU where it was built for one, else the processor."""
        is_on_gpu = device.type == "cuda" and self._xgboost.build_info().get("USE_CUDA", False)
        self._parameters |= {
            **self._of_the_objective(),
            "device": str(device) if is_on_gpu else "cpu",
            "nthread": torch.get_num_threads(),
        }
        self._data = self._matrix(*self._whole.arrays)
        self._booster = self._xgboost.Booster(self._parameters, [self._data])

    def train_epoch(self, epoch: int, first_batch: int = 0) -> Iterator[int]:  # noqa: ARG002  the step says it
        """The rounds of an epoch from `first_batch` on, each when its trees are grown."""
        self._is_training = True
        for batch in range(first_batch, self.num_batches):
            self._boost(self._booster, self._data)
            self.step += 1
            yield batch

    def finish_epoch(self, scores: Mapping[str, float]) -> None:  # noqa: ARG002  trees heed none
        """Forget the margins of batches that are no longer evaluated."""
        self._margins = {key: each for key, each in self._margins.items() if each.num_rounds == self.step}

    def predict(self, inputs: Any) -> Tensor:
        """What `output_scale` says, for a batch of inputs [N, ...]: [N], or a column for each class."""
        rows = rows_of(inputs)
        return tensor_like(self._objective.read(self._predict_margins(self._booster, rows)), inputs)

    def rehearse(self, num_samples: int) -> tuple[Tensor, Tensor]:
        """Outputs and targets of one round on the first samples; nothing changes.

        Raises:
            BuildError: the objective is not for the task, or XGBoost does not take the parameters or the data.
        """
        inputs, targets = self._loader.sample(num_samples)
        rows, labels = rows_of(inputs), target_numbers(targets, self._loader.task)
        parameters = {**self._parameters, **self._of_the_objective()}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                data = self._matrix(rows, labels)
                booster = self._xgboost.Booster(parameters, [data])
                self._boost(booster, data)
                margins = booster.predict(data, output_margin=True)
            except (self._xgboost.core.XGBoostError, ValueError, TypeError) as error:
                raise BuildError(f"XGBoost refuses this: {_first_line(error)}", code=REFUSED) from error
        for each in caught:
            if "are not used" in str(each.message):
                raise BuildError(f"XGBoost takes no such parameter: {_first_line(each.message)}", code=REFUSED)
        return tensor_like(self._objective.read(margins), inputs), targets

    def resources(self) -> dict[str, Frozen]:
        """The trees as a file of XGBoost."""
        return {MODEL: Ready(memoryview(self._booster.save_raw("ubj")))}

    def load_resources(self, load: Callable[[str], bytes]) -> None:
        """Go on from the file that `resources` gave; `load` reads one by name.

        Raises:
            StoreError: it is not whole, or of another architecture.
        """
        content = load(MODEL)
        try:
            self._booster.load_model(bytearray(content))
        except self._xgboost.core.XGBoostError as error:
            raise not_whole(f"{MODEL} of a checkpoint", _first_line(error)) from error
        num_features = self._data.num_col()
        if self._booster.num_features() != num_features:
            known = self._booster.num_features()
            raise of_another(f"its trees know {known} features, and the data have {num_features}")
        self._booster.set_param(self._parameters)
        self._margins.clear()

    def _boost(self, booster: Any, data: Any) -> None:
        if self._trees.draws:
            # What draws keeps its own random generator for as long as it lives, which no file of XGBoost holds.
            # Another tree method for a moment makes it anew, seeded for this round.
            method = self._trees.tree_method
            booster.set_param({"tree_method": "approx" if method == "hist" else "hist"})
            booster.num_boosted_rounds()  # this alone lets the booster take note of it
            booster.set_param({"tree_method": method, "seed": derive_seed("round", self._seed, self.step) % 2**31})
        booster.update(data, self.step)

    def _predict_margins(self, booster: Any, rows: NDArray[Any]) -> NDArray[Any]:
        """The margins of all trees; where those of earlier rounds are known, the new ones are added to them alone."""
        num_rounds = booster.num_boosted_rounds()
        if not self._is_training or self._trees.booster == "dart":  # which weighs old trees anew in each round
            margins: NDArray[Any] = booster.predict(self._matrix(rows), output_margin=True)
            return margins
        key = hashlib.blake2b(rows.tobytes(), digest_size=16).digest()
        known = self._margins.get(key)
        if known is None:
            margins = booster.predict(self._matrix(rows), output_margin=True)
        elif known.num_rounds < num_rounds:
            data = self._matrix(rows, base_margin=known.values)
            margins = booster.predict(data, output_margin=True, iteration_range=(known.num_rounds, num_rounds))
        else:
            margins = known.values
        self._margins[key] = _Margins(num_rounds, margins)
        return margins

    def _matrix(
        self, rows: NDArray[Any], targets: NDArray[Any] | None = None, *, base_margin: NDArray[Any] | None = None
    ) -> Any:
        return self._xgboost.DMatrix(
            rows, label=targets, base_margin=base_margin, nthread=self._parameters.get("nthread", 1)
        )

    def _of_the_objective(self) -> dict[str, Any]:
        name = self._objective.name
        return {"objective": name} | ({"num_class": self._whole.num_classes} if name.startswith("multi:") else {})

    @cached_property
    def _objective(self) -> Objective:
        return objective_for(self._loader.task, self._trees.objective)


def _import_xgboost() -> Any:
    try:
        return import_module("xgboost")
    except ModuleNotFoundError as error:
        if error.name != "xgboost":
            raise
        raise BuildError(
            "the trainer 'xgboost' needs the package xgboost, which is not installed",
            code="MG354",
            hint="pip install 'mlgym-core[xgboost-cpu]', or 'mlgym-core[xgboost]' for GPUs too",
        ) from error


def _first_line(error: object) -> str:
    """What XGBoost says, without its own place in its code and its stack."""
    text = str(error).partition("Stack trace")[0].strip()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if "WARNING" not in line] or lines
    return told[0].rpartition(": ")[2] if told[0].startswith("[") else told[0]
