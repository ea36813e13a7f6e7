"""What every trainer must do, whatever library it trains with: torch, scikit-learn, XGBoost and one of a user's own."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from mlgym_core.components.data.dataset import Dataset
from mlgym_core.components.data.loaders import Loader, batches
from mlgym_core.components.trainers.boosted_trees import BoostedTrees
from mlgym_core.components.trainers.sklearn_trainer import SklearnTrainer
from mlgym_core.components.trainers.torch_trainer import TorchTrainer
from mlgym_core.components.trainers.xgboost_trainer import XGBoostTrainer
from mlgym_core.training.protocols import Trainer
from mlgym_core.training.seeding import generator_states, restore_generators, seed_all, seed_epoch

SEED, NUM_EPOCHS = 3, 2
CPU = torch.device("cpu")
EXAMPLE = Path(__file__).parents[2] / "example/own_trainer/perceptron.py"

Loaders = dict[str, Loader]


def example() -> ModuleType:
    """The module of the example, which registers its trainer once."""
    if "perceptron" not in sys.modules:
        spec = importlib.util.spec_from_file_location("perceptron", EXAMPLE)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules["perceptron"] = module
    return sys.modules["perceptron"]


def torch_trainer(loaders: Loaders) -> TorchTrainer:
    seed_all(SEED)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3))
    return TorchTrainer(model, nn.CrossEntropyLoss(), torch.optim.Adam, loaders)


def sklearn(make: Callable[[], Any]) -> Callable[[Loaders], SklearnTrainer]:
    return lambda loaders: SklearnTrainer(make(), loaders)


def xgboost(**parameters: Any) -> Callable[[Loaders], XGBoostTrainer]:
    return lambda loaders: XGBoostTrainer(BoostedTrees(max_depth=3, **parameters), loaders, SEED, rounds_per_epoch=4)


@dataclass(frozen=True)
class Case:
    """How to make a trainer, of which data, and for how many epochs."""

    make: Callable[[Loaders], Trainer]
    task: str = "multiclass"
    num_epochs: int = NUM_EPOCHS


SAMPLED = {"subsample": 0.6, "colsample_bytree": 0.7, "colsample_bylevel": 0.7, "colsample_bynode": 0.7}
CASES = {
    "torch": Case(torch_trainer),
    "sgd": Case(sklearn(lambda: SGDClassifier(loss="log_loss", random_state=SEED))),
    "mlp": Case(sklearn(lambda: MLPClassifier((8,), random_state=SEED))),
    "bayes": Case(sklearn(GaussianNB)),
    "pipeline": Case(sklearn(lambda: make_pipeline(StandardScaler(), SGDClassifier(random_state=SEED)))),
    "forest": Case(sklearn(lambda: RandomForestClassifier(3, random_state=SEED))),
    "bagging": Case(sklearn(lambda: BaggingClassifier(n_estimators=2, random_state=SEED))),
    "scaled forest": Case(
        sklearn(lambda: make_pipeline(StandardScaler(), RandomForestClassifier(3, random_state=SEED)))
    ),
    "boosting": Case(
        sklearn(lambda: GradientBoostingRegressor(n_estimators=3, subsample=0.5, random_state=SEED)), "regression"
    ),
    "histograms": Case(
        sklearn(lambda: HistGradientBoostingClassifier(max_iter=2, max_features=0.5, random_state=SEED))
    ),
    "whole": Case(sklearn(lambda: make_pipeline(StandardScaler(), LogisticRegression())), num_epochs=1),
    "xgboost": Case(xgboost()),
    "xgboost, binary": Case(xgboost(), "binary"),
    "xgboost, sampled": Case(xgboost(**SAMPLED)),
    "xgboost, dart": Case(xgboost(booster="dart", rate_drop=0.5, **SAMPLED), "regression"),
    "own": Case(lambda loaders: example().Perceptron(loaders, num_classes=3)),
}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture
def loaders(case: Case) -> Loaders:
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(60, 4, generator=generator)
    values = inputs @ torch.tensor([1.0, -2.0, 0.5, 0.0]) + torch.randn(60, generator=generator)
    targets = {"regression": values, "binary": (values > 0).long(), "multiclass": (values > -1).long() + (values > 1)}
    data = Dataset(inputs=inputs, targets=targets[case.task], task=case.task, name="noise")  # type: ignore[arg-type]
    return batches({"train": data, "val": data.subset(torch.arange(20))}, batch_size=16, seed=SEED)


def prepared(case: Case, loaders: Loaders) -> Trainer:
    trainer = case.make(loaders)
    trainer.prepare(CPU)
    return trainer


def made(trainer: Trainer) -> dict[str, bytes]:
    return {name: bytes(freeze()) for name, freeze in trainer.resources().items()}


def trained(case: Case, loaders: Loaders) -> Trainer:
    trainer = prepared(case, loaders)
    for epoch in range(case.num_epochs):
        seed_epoch(SEED, epoch)
        list(trainer.train_epoch(epoch))
        trainer.finish_epoch({})
    return trainer


def test_an_epoch_gives_each_of_its_batches_in_order(case: Case, loaders: Loaders) -> None:
    trainer = prepared(case, loaders)
    for epoch in range(case.num_epochs):
        assert list(trainer.train_epoch(epoch)) == list(range(trainer.num_batches))
    assert trainer.step == case.num_epochs * trainer.num_batches


def test_two_trainings_are_equal_to_the_bit(case: Case, loaders: Loaders) -> None:
    assert made(trained(case, loaders)) == made(trained(case, loaders))


def test_a_training_goes_on_from_any_batch_to_the_same_bits(case: Case, loaders: Loaders) -> None:
    trainer = prepared(case, loaders)
    moments = []
    for epoch in range(case.num_epochs):
        seed_epoch(SEED, epoch)
        for batch in trainer.train_epoch(epoch):
            moments.append((epoch, batch + 1, trainer.step, made(trainer), generator_states(CPU)))
        trainer.finish_epoch({})
    expected = made(trainer)
    inputs, _ = loaders["val"].sample(20)

    assert len(moments) == case.num_epochs * trainer.num_batches
    for first_epoch, first_batch, step, files, generators in moments:
        other = prepared(case, loaders)
        other.load_resources(files.__getitem__)
        other.step = step
        assert made(other) == files
        restore_generators(generators)
        list(other.train_epoch(first_epoch, first_batch))
        other.finish_epoch({})
        for epoch in range(first_epoch + 1, case.num_epochs):
            seed_epoch(SEED, epoch)
            list(other.train_epoch(epoch))
            other.finish_epoch({})
        assert made(other) == expected
        assert torch.equal(other.predict(inputs), trainer.predict(inputs))


def test_resources_are_frozen_though_training_goes_on(case: Case, loaders: Loaders) -> None:
    trainer = prepared(case, loaders)
    seed_epoch(SEED, 0)
    batches_done = trainer.train_epoch(0)
    next(batches_done)
    frozen, at_once = trainer.resources(), made(trainer)
    list(batches_done)
    for epoch in range(1, case.num_epochs):
        list(trainer.train_epoch(epoch))

    assert {name: bytes(freeze()) for name, freeze in frozen.items()} == at_once
    assert sum(name.startswith("model.") for name in frozen) == 1
    if trainer.step > 1:
        assert made(trainer) != at_once


def test_a_prediction_changes_nothing_and_does_not_depend_on_its_batch(case: Case, loaders: Loaders) -> None:
    trainer = trained(case, loaders)
    before = made(trainer)
    inputs, targets = loaders["val"].sample(20)

    with torch.inference_mode():
        outputs = trainer.predict(inputs)
        halves = torch.cat([trainer.predict(inputs[:10]), trainer.predict(inputs[10:])])

    assert len(outputs) == len(targets)
    torch.testing.assert_close(outputs, halves)
    assert made(trainer) == before


def test_outputs_are_what_the_scale_says(case: Case, loaders: Loaders) -> None:
    trainer = trained(case, loaders)
    outputs = trainer.predict(loaders["val"].sample(20)[0])

    if trainer.output_scale == "probabilities":
        assert outputs.min() >= 0
        assert outputs.max() <= 1
        if outputs.ndim == 2:
            torch.testing.assert_close(outputs.sum(1), torch.ones(20, dtype=outputs.dtype))
    else:
        assert trainer.output_scale in ("logits", "decision", "values")
        assert outputs.is_floating_point()


def test_a_rehearsal_shows_the_shape_of_outputs_and_changes_nothing(case: Case, loaders: Loaders) -> None:
    rehearsed, plain = case.make(loaders), prepared(case, loaders)
    raw, targets = rehearsed.rehearse(2)
    rehearsed.prepare(CPU)
    for trainer in (rehearsed, plain):
        seed_epoch(SEED, 0)
        list(trainer.train_epoch(0))

    assert len(raw) == len(targets) == 2
    assert raw.shape == rehearsed.predict(loaders["val"].sample(2)[0]).shape
    assert made(rehearsed) == made(plain)


def test_a_trainer_may_know_how_many_numbers_it_learns(case: Case, loaders: Loaders) -> None:
    number = getattr(case.make(loaders), "num_parameters", None)
    assert number is None or number > 0
