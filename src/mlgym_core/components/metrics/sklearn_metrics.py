"""Every score of scikit-learn that compares targets with outputs, by name.

Owns what a metric is given, in which direction it is better and which tasks it fits. It knows no model and no split.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from numpy.typing import NDArray
from sklearn import metrics as sklearn_metrics
from sklearn.metrics import get_scorer, get_scorer_names

from mlgym_core.components.metric_arguments import annotation_of
from mlgym_core.components.metrics.protocols import Metric, PostProcessors, chosen
from mlgym_core.components.outputs import Counts, Form, Given, Outputs
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
    "y_score": "scores",
    "y_proba": "probabilities",
    "y_prob": "probabilities",
    "pred_decision": "values",
}
_FORMS_OF_RESPONSES: dict[Any, Form] = {"predict": "labels", "predict_proba": "probabilities"}
"""What a scorer of scikit-learn asks an estimator for, in our words; whatever else it asks for ranks samples."""
_ALWAYS_PROBABILITIES = frozenset({"log_loss", "d2_log_loss_score"})
"""Their argument is called y_pred in older versions of scikit-learn."""

_PLACES = {"precision_score": 0, "recall_score": 1, "f1_score": 2}
"""Scores with the same arguments, and where they stand in `precision_recall_fscore_support`."""

_HIDDEN = ("sample_weight", "contingency", "y_pred", "replace_undefined_by")
"""Arguments that only code can give, or that stand twice."""


class SklearnMetric:
    """A function of scikit-learn with its arguments, given outputs in the form that it wants."""

    def __init__(self, function: Callable[..., Any], given: Given, arguments: dict[str, Any], sign: int = 1) -> None:
        self.function = function
        self.given = given
        self.arguments = arguments
        self._sign = sign
        parameters = inspect.signature(function).parameters
        self._takes_labels = given in ("probabilities", "scores") and "labels" in parameters
        self._can_be_counted = "sample_weight" in parameters and (given == "labels" or isinstance(given, tuple))

    def __call__(self, outputs: Outputs) -> float:
        """The score.

        Raises:
            BuildError: the metric does not fit the task.
            ValueError: scikit-learn's own words on why it does not fit these outputs.
        """
        if _scores_numbers(self.function) != (outputs.task == "regression"):
            scored = "numbers" if _scores_numbers(self.function) else "classes"
            raise BuildError(f"it scores {scored}, and the task is {outputs.task}", code="MG330")
        counts = outputs.counts(self.given) if self._can_be_counted else None
        if counts is not None:
            score = self._score_counts(counts, outputs)
        else:
            found = outputs.form(self.given)
            score = self.function(outputs.targets, found, **(self.arguments | self._missing_labels(outputs, found)))
        return self._sign * float(score)

    def _score_counts(self, counts: Counts, outputs: Outputs) -> Any:
        """The score of a confusion matrix: each cell as one sample, as heavy as it is full."""
        place = _PLACES.get(self.function.__name__)
        if place is None or self.arguments.get("zero_division") == "warn":
            return self.function(counts.targets, counts.labels, sample_weight=counts.num, **self.arguments)
        # scikit-learn computes all of these for each of them.
        together = outputs.shared(
            (self.given, repr(self.arguments)),
            lambda: sklearn_metrics.precision_recall_fscore_support(
                counts.targets, counts.labels, sample_weight=counts.num, **self.arguments
            ),
        )
        return together[place]

    def _missing_labels(self, outputs: Outputs, found: NDArray[Any]) -> dict[str, Any]:
        """All classes: a split may lack one, and scikit-learn would count the columns of the probabilities wrong."""
        if not self._takes_labels or outputs.task == "regression" or self.arguments.get("labels") is not None:
            return {}
        return {"labels": list(range(2 if found.ndim == 1 else found.shape[1]))}


class Metrics:
    """All scores of scikit-learn of targets and outputs: f1 or f1_score, accuracy, roc_auc, brier, rmse.

    So are its scorers, such as f1_macro or neg_log_loss, which take no further arguments.
    """

    def names(self) -> list[str]:
        """One name for each, sorted."""
        functions = [_short_name(name) for name in _functions()]
        return sorted([*functions, *(name for name in get_scorer_names() if _find_function(name) is None)])

    def find(self, name: str) -> Component | None:
        """The component of that name."""
        full_name = _find_function(name.lower())
        if full_name is not None:
            return _component_of(full_name)
        return _component_of_scorer(name) if name in get_scorer_names() else None


def _find_function(wanted: str) -> str | None:
    candidates = (_ALIASES.get(wanted, wanted), *(f"{wanted}{ending}" for ending in _GOALS))
    return next((each for each in candidates if each in _functions()), None)


def _component_of(full_name: str) -> Component:
    function = _functions()[full_name]
    arguments = list(inspect.signature(function).parameters)
    constraints = getattr(function, "_skl_parameter_constraints", {})
    return library_component(
        "metric",
        _short_name(full_name),
        partial(_make_metric, function),
        signature_of=function,
        hidden=(*arguments[:2], *_HIDDEN),
        defaults={"zero_division": 0.0} if "zero_division" in arguments else {},
        annotations={each: annotation_of(constraints.get(each)) for each in arguments},
        extra=_given(_form_of(full_name, function, arguments[1])),
        goal=_goal_of(full_name),
    )


def _component_of_scorer(name: str) -> Component:
    scorer = get_scorer(name)
    function: Callable[..., Any] = scorer._score_func
    asked = scorer._response_method
    form: Form = "values" if _scores_numbers(function) else _FORMS_OF_RESPONSES.get(asked, "scores")
    arguments = scorer._kwargs | (
        {"zero_division": 0.0} if "zero_division" in inspect.signature(function).parameters else {}
    )
    return library_component(
        "metric",
        name,
        partial(_make_metric, function, sign=scorer._sign, **arguments),
        signature_of=function,
        hidden=inspect.signature(function).parameters,
        extra=_given(form),
        goal="max",
    )


def _given(default: Form) -> tuple[Parameter, Parameter]:
    """The arguments that say what a metric is given."""
    return (
        Parameter(
            name="given",
            annotation=Form,
            required=False,
            default=default,
            description="The form of a model's outputs that it is given.",
        ),
        Parameter(
            name="post_processing",
            annotation=PostProcessors,
            required=False,
            description="Steps that make what it is given of the raw outputs instead.",
        ),
    )


@cache
def _functions() -> dict[str, Callable[..., Any]]:
    found = {name: getattr(sklearn_metrics, name) for name in sklearn_metrics.__all__ if name.endswith(tuple(_GOALS))}
    return {name: each for name, each in found.items() if next(iter(inspect.signature(each).parameters)) in _TARGETS}


def _make_metric(
    function: Callable[..., Any],
    *,
    given: Form,
    post_processing: PostProcessors = None,
    sign: int = 1,
    **arguments: Any,
) -> Metric:
    return SklearnMetric(function, chosen(given, post_processing), arguments, sign)


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
