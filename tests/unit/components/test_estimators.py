"""scikit-learn's estimators by name: which there are, what their arguments may be, and how they stand in each other."""

import subprocess
import sys
from typing import Any

import pytest
from sklearn.base import BaseEstimator
from sklearn.utils import all_estimators

from mlgym_core.components.estimators import Estimators, predicts
from mlgym_core.config.nodes import from_plain
from mlgym_core.errors import Place
from mlgym_core.registry import Registry, build, resolve

SEED = 5


@pytest.fixture(scope="module")
def registry() -> Registry:
    registry = Registry()
    registry.provide("estimator", Estimators("estimator", lambda _cls: True))
    registry.provide("model", Estimators("model", predicts))
    return registry


def resolved(model: Any, registry: Registry) -> Any:
    tree = from_plain({"run": {"seed": SEED}, "model": model}, Place(file="t.yml", line=1, column=1))
    return resolve(tree, registry)


def made(model: Any, registry: Registry) -> BaseEstimator:
    found = resolved(model, registry)
    assert not found.diagnostics
    estimator: BaseEstimator = build(found.config, registry, seed_all=lambda _seed: None)["model"]
    return estimator


def told(model: Any, registry: Registry) -> list[str]:
    return [each.message for each in resolved(model, registry).diagnostics]


def test_every_classifier_regressor_and_transformer_is_found_by_its_class_and_by_its_name(registry: Registry) -> None:
    names = registry.names("estimator")
    for title, _ in all_estimators(type_filter=["classifier", "regressor", "transformer"]):
        component = registry.find("estimator", title)
        assert component is not None
        assert component.title == title
        assert component.name in names
        assert registry.find("estimator", component.name) is not None


def test_a_model_is_what_predicts(registry: Registry) -> None:
    assert {"logistic_regression", "svr", "pipeline", "mlp_classifier"} <= set(registry.names("model"))
    assert registry.find("model", "standard_scaler") is None
    assert registry.find("model", "grid_search_cv") is None


def test_arguments_are_checked_by_the_constraints_of_scikit_learn(registry: Registry) -> None:
    assert told({"use": "logistic_regression", "C": -1, "solver": "fastest", "max_iter": 1.5}, registry) == [
        "model 'logistic_regression': 'C' should be greater than 0, not -1",
        "model 'logistic_regression': 'solver' should be 'lbfgs', 'liblinear', 'newton-cg', 'newton-cholesky', 'sag'"
        " or 'saga', not \"fastest\"",
        "model 'logistic_regression': 'max_iter' should be a valid integer, not 1.5",
    ]
    (unknown,) = told({"use": "svc", "gama": 1.0}, registry)
    assert unknown == "model 'svc' has no argument 'gama'; did you mean 'gamma'?"


def test_the_random_state_is_the_seed_unless_it_is_given(registry: Registry) -> None:
    assert made("random_forest_classifier", registry).random_state == SEED
    assert made({"use": "random_forest_classifier", "random_state": 9}, registry).random_state == 9
    assert made({"use": "random_forest_classifier", "seed": 7}, registry).random_state == 7
    assert "random_state" not in made("gaussian_nb", registry).get_params()


def test_what_is_not_said_is_scikit_learns_own_default(registry: Registry) -> None:
    for name in ("logistic_regression", "mlp_classifier", "hist_gradient_boosting_regressor", "svc", "ridge"):
        estimator = made(name, registry)
        expected = type(estimator)().get_params() | (
            {"random_state": SEED} if hasattr(estimator, "random_state") else {}
        )
        assert estimator.get_params() == expected


def test_the_steps_of_a_pipeline_are_named_after_their_classes(registry: Registry) -> None:
    steps = ["standard_scaler", {"use": "min_max_scaler", "feature_range": [0, 2]}, "min_max_scaler", "svc"]
    pipeline: Any = made({"use": "pipeline", "steps": steps}, registry)

    assert list(pipeline.named_steps) == ["standard_scaler", "min_max_scaler", "min_max_scaler_2", "svc"]
    assert pipeline.named_steps["min_max_scaler"].feature_range == (0, 2)
    assert pipeline.named_steps["svc"].random_state == SEED


def test_the_steps_of_a_pipeline_may_have_names(registry: Registry) -> None:
    pipeline: Any = made({"use": "pipeline", "steps": {"scale": "standard_scaler", "fit": "ridge"}}, registry)
    assert list(pipeline.named_steps) == ["scale", "fit"]


def test_estimators_stand_inside_others(registry: Registry) -> None:
    stack: Any = made(
        {
            "use": "stacking_classifier",
            "estimators": {"bayes": "gaussian_nb", "forest": {"use": "random_forest_classifier", "n_estimators": 3}},
            "final_estimator": {"use": "logistic_regression", "class_weight": {"0": 1.0, "1": 2.0}},
        },
        registry,
    )
    assert dict(stack.estimators)["forest"].n_estimators == 3
    assert stack.final_estimator.class_weight == {0: 1.0, 1: 2.0}
    bag: Any = made({"use": "bagging_classifier", "estimator": {"use": "svc", "C": 2.0}}, registry)
    assert bag.estimator.C == 2.0


def test_columns_may_be_transformed_apart(registry: Registry) -> None:
    parts = [{"transformer": "standard_scaler", "columns": [0, 1]}, {"transformer": "min_max_scaler", "columns": [2]}]
    first = {"use": "column_transformer", "transformers": parts, "remainder": "passthrough"}
    pipeline: Any = made({"use": "pipeline", "steps": [first, "ridge"]}, registry)

    transformers = pipeline.named_steps["column_transformer"].transformers
    assert [(name, columns) for name, _, columns in transformers] == [
        ("standard_scaler", [0, 1]),
        ("min_max_scaler", [2]),
    ]


def test_scikit_learn_is_imported_as_a_whole_only_for_those_who_ask() -> None:
    check = "import sys, mlgym_core.components\nassert not {'skops', 'xgboost', 'sklearn.svm'} & sys.modules.keys()"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
