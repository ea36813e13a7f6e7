"""Every score of scikit-learn that compares targets with outputs, by name.

Owns what a metric is given, in which direction it is better and which tasks it fits. It knows no model and no split.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Protocol

from sklearn import metrics as sklearn_metrics

from mlgym_core.components.metric_arguments import annotation_of
from mlgym_core.components.outputs import Form, Outputs
from mlgym_core.components.signatures import library_component
from mlgym_core.errors import BuildError
from mlgym_core.registry import Component, Parameter, default_registry
from mlgym_core.registry.component import Goal

_ALIASES = {
    "brier": "brier_score_loss",
    "kappa": "cohen_kappa_score",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mcc": "matthews_corrcoef",
    "mse": "mean_squared_error",
    "rmse": "root_mean_squared_error",
    "rmsle": "root_mean_squared_log_error",
    "msle": "mean_squared_log_error",
}
_GOALS: dict[str, Goal] = {"_score": "max", "_corrcoef": "max", "_loss": "min", "_error": "min", "_deviance": "min"}
_TARGETS = frozenset({"y_true", "y1", "labels_true"})
_FORMS: dict[str, Form] = {
    "y_score": "probabilities",
    "y_proba": "probabilities",
    "y_prob": "probabilities",
    "pred_decision": "values",
}
_ALWAYS_PROBABILITIES = frozenset({"log_loss", "d2_log_loss_score"})
"""Their argument is called y_pred in older versions of scikit-learn."""

_HIDDEN = ("sample_weight", "contingency", "y_pred", "replace_undefined_by")
"""Arguments that only code can give, or that stand twice."""


class Metric(Protocol):
    """A score of a whole split."""

    def __call__(self, outputs: Outputs) -> float:
        """The score of a split's outputs."""
        ...


class SklearnMetric:
    """A function of scikit-learn with its arguments, given outputs in the form that it wants."""

    def __init__(self, function: Callable[..., Any], given: Form, arguments: dict[str, Any]) -> None:
        self.function = function
        self.given = given
        self.arguments = arguments
        self._takes_labels = given == "probabilities" and "labels" in inspect.signature(function).parameters

    def __call__(self, outputs: Outputs) -> float:
        """The score.

        Raises:
            BuildError: the metric does not fit the task.
            ValueError: scikit-learn's own words on why it does not fit these outputs.
        """
        if _scores_numbers(self.function) != (outputs.task == "regression"):
            scored = "numbers" if _scores_numbers(self.function) else "classes"
            raise BuildError(f"it scores {scored}, and the task is {outputs.task}", code="MG330")
        arguments = self.arguments
        if self._takes_labels and outputs.task == "multiclass" and arguments.get("labels") is None:
            # A split may lack a class; scikit-learn would count the columns of the probabilities wrong.
            arguments = {**arguments, "labels": list(range(outputs.raw.shape[1]))}
        return float(self.function(outputs.targets, outputs.form(self.given), **arguments))


class Metrics:
    """All scores of scikit-learn of targets and outputs: f1 or f1_score, accuracy, roc_auc, brier, rmse."""

    def names(self) -> list[str]:
        """One name for each, sorted."""
        return sorted(_short_name(name) for name in _functions())

    def find(self, name: str) -> Component | None:
        """The component of that name."""
        wanted = name.lower()
        candidates = (_ALIASES.get(wanted, wanted), *(f"{wanted}{ending}" for ending in _GOALS))
        full_name = next((each for each in candidates if each in _functions()), None)
        if full_name is None:
            return None
        function = _functions()[full_name]
        arguments = list(inspect.signature(function).parameters)
        constraints = getattr(function, "_skl_parameter_constraints", {})
        given = Parameter(
            name="given",
            annotation=Form,
            required=False,
            default=_form_of(full_name, function, arguments[1]),
            description="The form of a model's outputs that it is given.",
        )
        return library_component(
            "metric",
            _short_name(full_name),
            partial(_make_metric, function),
            signature_of=function,
            hidden=(*arguments[:2], *_HIDDEN),
            defaults={"zero_division": 0.0} if "zero_division" in arguments else {},
            annotations={each: annotation_of(constraints.get(each)) for each in arguments},
            extra=(given,),
            goal=_goal_of(full_name),
        )


@cache
def _functions() -> dict[str, Callable[..., Any]]:
    found = {name: getattr(sklearn_metrics, name) for name in sklearn_metrics.__all__ if name.endswith(tuple(_GOALS))}
    return {name: each for name, each in found.items() if next(iter(inspect.signature(each).parameters)) in _TARGETS}


def _make_metric(function: Callable[..., Any], *, given: Form, **arguments: Any) -> Metric:
    return SklearnMetric(function, given, arguments)


def _short_name(full_name: str) -> str:
    alias = next((alias for alias, name in _ALIASES.items() if name == full_name), None)
    return alias or full_name.removesuffix("_score")


def _goal_of(full_name: str) -> Goal:
    return next(goal for ending, goal in _GOALS.items() if full_name.endswith(ending))


def _form_of(full_name: str, function: Callable[..., Any], argument: str) -> Form:
    if full_name in _ALWAYS_PROBABILITIES:
        return "probabilities"
    return _FORMS.get(argument, "values" if _scores_numbers(function) else "labels")


def _scores_numbers(function: Callable[..., Any]) -> bool:
    return function.__module__.endswith("_regression")


default_registry.provide("metric", Metrics())
