"""How an estimator of scikit-learn can be fitted, what it is for, and the steps of a pipeline.

Owns what is read off an estimator that was not fitted yet. It fits nothing.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from sklearn.base import BaseEstimator, is_classifier, is_regressor
from sklearn.pipeline import Pipeline

from mlgym_core.components.data.loaders import Loader
from mlgym_core.errors import BuildError

Way: TypeAlias = Literal["batches", "growing", "whole"]
"""What an epoch is: a pass in batches, more estimators of an ensemble, or the whole fit."""


def last_step(model: BaseEstimator) -> Any:
    """The estimator that predicts: the last step of a pipeline."""
    return model[-1] if isinstance(model, Pipeline) else model


def first_steps(model: BaseEstimator) -> Pipeline | None:
    """The steps of a pipeline before its last, the same objects."""
    return model[:-1] if isinstance(model, Pipeline) and len(model) > 1 else None


def title(model: BaseEstimator) -> str:
    """The class that predicts."""
    return type(last_step(model)).__name__


def titles(model: BaseEstimator) -> str:
    """The classes of all steps."""
    steps = model if isinstance(model, Pipeline) else [model]
    return ", ".join(type(step).__name__ for step in steps)


def stacks_by_default(model: BaseEstimator) -> bool:
    """Whether it stacks others under the final estimator of scikit-learn's choice, which it has once it is fitted."""
    return getattr(last_step(model), "final_estimator", model) is None


def size_argument(estimator: BaseEstimator) -> str:
    """The argument that says how many estimators an ensemble has; empty where it cannot grow."""
    parameters = estimator.get_params(deep=False)
    size = "max_iter" if type(estimator).__name__.startswith("HistGradientBoosting") else "n_estimators"
    return size if "warm_start" in parameters and size in parameters else ""


def way_to_fit(estimator: Any, wanted: Way | None) -> Way:
    """What an epoch of it is: as it is wanted, else the first way that it can be fitted.

    Raises:
        BuildError: it cannot be fitted so.
    """
    can: dict[Way, bool] = {
        "batches": hasattr(estimator, "partial_fit"),
        "growing": bool(size_argument(estimator)),
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


def check_task(model: BaseEstimator, loader: Loader) -> None:
    """Nothing, where it predicts what the data have as targets. Raises BuildError where it does not."""
    is_regression = loader.task == "regression"
    if not (is_regressor(model) if is_regression else is_classifier(model)):
        raise BuildError(
            f"{title(model)} is no {'regressor' if is_regression else 'classifier'}, and the task is {loader.task}",
            code="MG351",
            hint="`mlgym components model` lists estimators for both",
        )
