"""Every classifier, regressor and transformer of scikit-learn, by name, and pipelines of them.

Owns what of an estimator's signature a configuration can write, and how estimators stand inside one another. It knows
no data and fits nothing. scikit-learn's own modules are imported when the first name is asked for.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Annotated, Any

from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from mlgym_core.components.metric_arguments import annotation_of
from mlgym_core.components.signatures import library_component, snake_case
from mlgym_core.registry import Component, Nested, default_registry

_KINDS = ("classifier", "regressor", "transformer")
_HIDDEN = ("memory", "dtype", "verbose", "verbose_feature_names_out")
"""Arguments that only code can give, or that change what is printed and not what is learned."""

_ONE = Annotated[BaseEstimator | None, Nested("estimator")]
_SEVERAL = Annotated[list[BaseEstimator] | dict[str, BaseEstimator], Nested("estimator")]
_PARTS = Annotated[list[dict[str, Any]] | dict[str, dict[str, Any]], Nested("estimator")]
_NAMED = ("steps", "transformer_list", "estimators")
"""Arguments that scikit-learn takes as pairs of a name and an estimator."""

_NESTED = {
    **dict.fromkeys(_NAMED, _SEVERAL),
    **dict.fromkeys(("estimator", "final_estimator", "regressor", "transformer", "covariance_estimator"), _ONE),
    "transformers": _PARTS,
}
"""Arguments whose values are estimators themselves."""


class Estimators:
    """scikit-learn's estimators: logistic_regression or LogisticRegression, standard_scaler, pipeline.

    Args:
        kind: The kind that they are found under.
        is_offered: Which classes are.
    """

    def __init__(self, kind: str, is_offered: Callable[[type[BaseEstimator]], bool]) -> None:
        self._kind = kind
        self._is_offered = is_offered

    def names(self) -> list[str]:
        """One name for each, sorted."""
        return sorted(snake_case(cls.__name__) for cls in _classes().values() if self._is_offered(cls))

    def find(self, name: str) -> Component | None:
        """The component of that name."""
        cls = _classes().get(name.lower().replace("_", ""))
        return _component(self._kind, cls) if cls is not None and self._is_offered(cls) else None


def predicts(cls: type[BaseEstimator]) -> bool:
    """Whether it may stand as a model: classifiers, regressors, and pipelines, which are what their last step is."""
    return issubclass(cls, ClassifierMixin | RegressorMixin) or cls.__name__ == "Pipeline"


@cache
def _classes() -> dict[str, type[BaseEstimator]]:
    from sklearn.pipeline import Pipeline
    from sklearn.utils import all_estimators  # imports all of scikit-learn, which only those should wait for who ask

    found = dict(all_estimators(type_filter=list(_KINDS))) | {"Pipeline": Pipeline}
    return {name.lower(): cls for name, cls in found.items()}


def _component(kind: str, cls: type[BaseEstimator]) -> Component:
    names = list(inspect.signature(cls).parameters)
    constraints = getattr(cls, "_parameter_constraints", {})
    annotations = {name: annotation_of(constraints.get(name)) for name in names} | {"random_state": int | None}
    component = library_component(
        kind,
        snake_case(cls.__name__),
        _factory(cls),
        signature_of=cls,
        hidden=_HIDDEN,
        annotations=annotations | {name: each for name, each in _NESTED.items() if name in names},
    )
    return replace(component, takes=frozenset({"seed"}))


def _factory(cls: type[BaseEstimator]) -> Callable[..., BaseEstimator]:
    is_random = "random_state" in inspect.signature(cls).parameters

    def make(*, seed: int, **arguments: Any) -> BaseEstimator:
        if is_random and arguments.get("random_state") is None:
            arguments["random_state"] = seed
        for name in _NAMED:
            if name in arguments:
                arguments[name] = list(_named(arguments[name]).items())
        if "transformers" in arguments:
            parts = _named(arguments["transformers"], lambda part: part["transformer"])
            arguments["transformers"] = [(name, each["transformer"], each["columns"]) for name, each in parts.items()]
        if isinstance(arguments.get("class_weight"), Mapping):
            # A configuration's keys are words, the classes are numbers.
            arguments["class_weight"] = {int(label): each for label, each in arguments["class_weight"].items()}
        return cls(**arguments)

    return make


def _named(parts: Sequence[Any] | Mapping[str, Any], estimator_of: Callable[[Any], Any] = lambda part: part) -> Any:
    """The parts by name; where none are given, by that of their class, counted on where it repeats."""
    if isinstance(parts, Mapping):
        return parts
    named: dict[str, Any] = {}
    for part in parts:
        name = snake_case(type(estimator_of(part)).__name__)
        repeats = sum(each == name or each.startswith(f"{name}_") for each in named)
        named[f"{name}_{repeats + 1}" if repeats else name] = part
    return named


default_registry.provide("estimator", Estimators("estimator", lambda _cls: True))
default_registry.provide("model", Estimators("model", predicts))
