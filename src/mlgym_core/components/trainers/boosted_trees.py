"""What XGBoost is told of the trees to grow and of the objective, and what the margins of an objective mean.

Owns names, bounds and defaults of parameters; those here are XGBoost's own. It imports no xgboost and trains nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from mlgym_core.components.data.dataset import Task
from mlgym_core.components.outputs import Scale
from mlgym_core.errors import BuildError
from mlgym_core.registry import register

Share = Annotated[float, Field(gt=0, le=1)]
Chance = Annotated[float, Field(ge=0, le=1)]

REFUSED, UNFIT = "MG355", "MG356"
"""The codes of parameters that XGBoost refuses, and of an objective that does not fit the task."""

_OF_DART = ("rate_drop", "skip_drop", "one_drop", "sample_type", "normalize_type")
_NAMES = {"reg_lambda": "lambda", "reg_alpha": "alpha"}
_TRAINERS = ("seed", "seed_per_iteration", "nthread", "device", "num_class", "updater", "process_type", "booster")
"""What the trainer sets, or what would make training go on other than it began."""


@register("model", "xgboost")
@dataclass(frozen=True, slots=True, kw_only=True)
class BoostedTrees:
    """Boosted trees, grown by the trainer `xgboost`; the parameters are XGBoost's.

    Args:
        objective: What is minimized; logistic or softmax for classes and the squared error for numbers by default.
        booster: gbtree, or dart, which leaves out some trees in each round.
        eta: How much of each tree is added.
        max_depth: The most levels of a tree; 0 for any number.
        max_leaves: The most leaves of a tree; 0 for any number.
        grow_policy: Whether a tree grows level by level, or where the loss falls most.
        min_child_weight: The least sum of second derivatives in a leaf.
        gamma: The least fall of the loss for which a leaf is split.
        max_delta_step: The most that a leaf may say; 0 for anything.
        subsample: The share of samples, drawn anew for each round.
        colsample_bytree: The share of features, drawn anew for each tree.
        colsample_bylevel: The share of those, drawn anew for each level.
        colsample_bynode: The share of those, drawn anew for each split.
        reg_lambda: The weight of the squared leaves in the loss.
        reg_alpha: The weight of the absolute leaves in the loss.
        tree_method: How splits are found: hist among bins, or exact among all values.
        max_bin: The most bins of a feature.
        num_parallel_tree: Trees of each round.
        scale_pos_weight: The weight of samples of class 1 in a binary task.
        base_score: The prediction before the first tree; estimated where not given.
        rate_drop: The share of trees that dart leaves out in a round.
        skip_drop: The chance that dart leaves out none.
        one_drop: Whether dart always leaves out one at least.
        sample_type: Whether dart draws trees alike, or by their weight.
        normalize_type: Whether a new tree of dart weighs as each one left out, or as all of them.
        monotone_constraints: For each feature 1 where predictions may only rise with it, -1 where only fall, else 0.
        interaction_constraints: Groups of features that may stand together in a tree.
        others: Further parameters by their names in XGBoost.
    """

    objective: str | None = None
    booster: Literal["gbtree", "dart"] = "gbtree"
    eta: Chance = 0.3
    max_depth: NonNegativeInt = 6
    max_leaves: NonNegativeInt = 0
    grow_policy: Literal["depthwise", "lossguide"] = "depthwise"
    min_child_weight: NonNegativeFloat = 1.0
    gamma: NonNegativeFloat = 0.0
    max_delta_step: NonNegativeFloat = 0.0
    subsample: Share = 1.0
    colsample_bytree: Share = 1.0
    colsample_bylevel: Share = 1.0
    colsample_bynode: Share = 1.0
    reg_lambda: NonNegativeFloat = 1.0
    reg_alpha: NonNegativeFloat = 0.0
    tree_method: Literal["hist", "exact"] = "hist"
    max_bin: Annotated[int, Field(ge=2)] = 256
    num_parallel_tree: PositiveInt = 1
    scale_pos_weight: PositiveFloat = 1.0
    base_score: float | None = None
    rate_drop: Chance = 0.0
    skip_drop: Chance = 0.0
    one_drop: bool = False
    sample_type: Literal["uniform", "weighted"] = "uniform"
    normalize_type: Literal["tree", "forest"] = "tree"
    monotone_constraints: list[Literal[-1, 0, 1]] | None = None
    interaction_constraints: list[list[NonNegativeInt]] | None = None
    others: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        of_dart = next((name for name in _OF_DART if name in self._said() and self.booster != "dart"), None)
        if of_dart is not None:
            raise BuildError(f"'{of_dart}' is a parameter of booster: dart", code=REFUSED)
        own = (*(each.name for each in dataclasses.fields(self)), *_TRAINERS, *_NAMES.values())
        taken = next((name for name in self.others or {} if name in own), None)
        if taken is not None:
            raise BuildError(
                f"'{taken}' may not stand among the others: the trainer sets it, or it is an argument of its own",
                code=REFUSED,
            )

    @property
    def draws(self) -> bool:
        """Whether chance decides which samples, features or trees a round knows."""
        shares = (self.subsample, self.colsample_bytree, self.colsample_bylevel, self.colsample_bynode)
        return self.booster == "dart" or min(shares) < 1

    def parameters(self) -> dict[str, Any]:
        """What XGBoost is told, without what it does of itself."""
        said = self._said() | {"tree_method": self.tree_method, **(self.others or {})}
        if self.monotone_constraints is not None:
            said["monotone_constraints"] = f"({','.join(map(str, self.monotone_constraints))})"
        if self.interaction_constraints is not None:
            said["interaction_constraints"] = str(self.interaction_constraints)
        return {_NAMES.get(name, name): each for name, each in said.items()}

    def _said(self) -> dict[str, Any]:
        fields = [each for each in dataclasses.fields(self) if each.name not in ("objective", "others")]
        found = {each.name: getattr(self, each.name) for each in fields}
        return {each.name: found[each.name] for each in fields if found[each.name] != each.default}


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What is minimized for which tasks, and how its margins are read."""

    name: str
    tasks: tuple[Task, ...]
    scale: Scale
    read: Callable[[NDArray[Any]], NDArray[Any]]


def objective_for(task: Task, name: str | None) -> Objective:
    """The objective of that name, or the usual one for the task.

    Raises:
        BuildError: there is none of that name, or it does not fit the task.
    """
    found = _OBJECTIVES.get(name or _USUAL[task])
    fitting = [each.name for each in _OBJECTIVES.values() if task in each.tasks]
    if found is None or task not in found.tasks:
        why = "is not known here" if found is None else f"does not fit the task, which is {task}"
        raise BuildError(f"the objective '{name}' {why}", code=UNFIT, hint=f"fitting: {', '.join(fitting)}")
    return found


def _as_they_are(margins: NDArray[Any]) -> NDArray[Any]:
    return margins


def _rows_of_probabilities(margins: NDArray[Any]) -> NDArray[Any]:
    rows: NDArray[Any] = torch.from_numpy(margins).double().softmax(1).numpy()
    return rows


def _probability(margins: NDArray[Any]) -> NDArray[Any]:
    share: NDArray[Any] = torch.from_numpy(margins).double().sigmoid().numpy()
    return share


_USUAL: dict[Task, str] = {
    "binary": "binary:logistic",
    "multiclass": "multi:softprob",
    "regression": "reg:squarederror",
}
_BINARY: tuple[Task, ...] = ("binary",)
_CLASSES: tuple[Task, ...] = ("binary", "multiclass")
_NUMBERS: tuple[Task, ...] = ("regression",)
_READINGS: tuple[tuple[tuple[str, ...], tuple[Task, ...], Scale, Callable[[NDArray[Any]], NDArray[Any]]], ...] = (
    (("binary:logistic", "binary:logitraw"), _BINARY, "probabilities", _probability),
    (("binary:hinge",), _BINARY, "decision", _as_they_are),
    (("multi:softprob", "multi:softmax"), _CLASSES, "probabilities", _rows_of_probabilities),
    (("reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror"), _NUMBERS, "values", _as_they_are),
    (("reg:squaredlogerror", "reg:quantileerror"), _NUMBERS, "values", _as_they_are),
    (("reg:logistic",), _NUMBERS, "values", _probability),
    (("count:poisson", "reg:gamma", "reg:tweedie"), _NUMBERS, "values", np.exp),
)
_OBJECTIVES = {
    name: Objective(name=name, tasks=tasks, scale=scale, read=read)
    for names, tasks, scale, read in _READINGS
    for name in names
}
