"""Estimators, boosting and a trainer of one's own from YAML to checkpoints: scored, stopped, broken off, refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mlgym_core.config.nodes import from_plain
from mlgym_core.errors import BuildError, ConfigError, Place
from mlgym_core.events.types import EvaluationResult
from mlgym_core.registry import resolve
from mlgym_core.training import rehearse

from .stories import EACH_STEP, Countdown

PLACE = Place(file="test.yml", line=1, column=1)
SPLITS = {"use": "stratified", "source": "$data.train", "fractions": {"train": 0.7, "val": 0.3}}
LOADERS = {"splits": {"train": "$splits.train", "val": "$splits.val"}, "batch_size": 32}
SGD = {"use": "pipeline", "steps": ["standard_scaler", {"use": "sgd_classifier", "loss": "log_loss"}]}
SAMPLED = {"use": "xgboost", "max_depth": 3, "subsample": 0.6, "colsample_bynode": 0.7}
WORKING: dict[str, dict[str, Any]] = {
    "batches": {"trainer": "sklearn", "model": SGD},
    "growing": {"trainer": "sklearn", "model": {"use": "random_forest_classifier", "n_estimators": 3}},
    "rounds": {"trainer": {"use": "xgboost", "rounds_per_epoch": 3}, "model": SAMPLED},
}


def config(**more: Any) -> dict[str, Any]:
    return {
        "run": {"epochs": 2, "seed": 1},
        "data": {"use": "iris", "standardize": False},
        "splits": SPLITS,
        "loaders": LOADERS,
        "metrics": ["accuracy", "log_loss"],
    } | more


@pytest.fixture(params=WORKING)
def working(request: pytest.FixtureRequest) -> dict[str, Any]:
    return config(**WORKING[request.param])


def test_each_epoch_is_scored_and_kept(working: dict[str, Any], assemble, train_config: Callable[..., Any]) -> None:
    rehearse(assemble(working))
    trained = train_config(working)

    results = trained.published.of(EvaluationResult)
    assert [(each.epoch, each.metric_scores[0].split) for each in results] == [
        (epoch, split) for epoch in range(2) for split in ("train", "val")
    ]
    assert all(each.loss_scores == [] for each in results)
    assert results[-1].metric_scores[0].score > 0.6
    assert trained.epochs() == [1]


def test_broken_off_at_any_batch_it_goes_on_to_the_same_facts_and_files(working: dict[str, Any], begin) -> None:
    # A fact of a checkpoint has the digest of the model's file.
    whole, countdown = begin(working, EACH_STEP), Countdown()
    assert whole.attempt(batches=countdown) is not None
    assert countdown.num_asked >= 2

    for at in range(1, countdown.num_asked + 1):
        story = begin(working, EACH_STEP)
        assert story.attempt(batches=Countdown(at)) is None
        assert story.attempt() is not None
        assert (story.resumed_from is None) == (at == 1)
        assert story.facts == whole.facts, at
        assert story.stored == whole.stored, at


def test_early_stopping_and_the_best_checkpoints_hear_of_each_epoch(train_config: Callable[..., Any]) -> None:
    trained = train_config(
        config(
            run={"epochs": 30, "seed": 1},
            **WORKING["rounds"],
            early_stopping={"use": "no_improvement", "monitor": "val/log_loss", "window": 2},
            checkpointing={"use": "best", "monitor": "val/log_loss", "k": 1},
        )
    )
    scores = [each.metric_scores[1].score for each in trained.published.of(EvaluationResult)[1::2]]
    assert trained.outcome.reason == "early_stopping"
    assert trained.epochs() == [scores.index(min(scores))]


def test_more_epochs_than_a_whole_fit_has_use_for_are_refused(assemble) -> None:
    once = config(trainer="sklearn", model="logistic_regression")
    with pytest.raises(ConfigError) as error:
        rehearse(assemble(once))
    (fault,) = error.value.diagnostics
    assert (fault.code, fault.message) == (
        "MG350",
        "the estimator is fitted as a whole, in 1 epoch, and `run.epochs` is 2",
    )
    rehearse(assemble(once | {"run": {"epochs": 1, "seed": 1}}))


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"trainer": "sklearn", "model": "ridge"}, "MG351"),
        ({"trainer": "xgboost", "model": {"use": "xgboost", "objective": "reg:gamma"}}, "MG356"),
        ({"trainer": "xgboost", "model": {"use": "xgboost", "others": {"no_such": 1}}}, "MG355"),
    ],
    ids=["task", "objective", "parameter"],
)
def test_a_model_that_does_not_fit_is_refused_at_its_place(more: dict[str, Any], code: str, assemble) -> None:
    components = assemble(config(**more))
    with pytest.raises(BuildError) as error:
        rehearse(components)
    assert error.value.code == code
    assert error.value.place == components.place("model")


def test_models_and_trainers_of_different_libraries_do_not_fit(registry) -> None:
    tree = from_plain(config(trainer="sklearn", model={"use": "mlp", "sizes": [4, 3]}), PLACE)
    (fault,) = resolve(tree, registry).diagnostics
    assert fault.code == "MG207"
    assert fault.message == "trainer 'sklearn': 'model' needs a BaseEstimator, but $model is model 'mlp'"
    tree = from_plain(config(trainer="xgboost", model="svc"), PLACE)
    assert [each.code for each in resolve(tree, registry).diagnostics] == ["MG207"]
