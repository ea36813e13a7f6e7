"""Rounds of boosting: what XGBoost itself would grow, scored without counting all trees anew, and what is refused."""

import sys
from typing import Any

import numpy as np
import pytest
import torch
import xgboost
from sklearn.datasets import make_classification

from mlgym_core.components.data.dataset import Dataset
from mlgym_core.components.data.loaders import Loader, batches
from mlgym_core.components.trainers.boosted_trees import BoostedTrees, objective_for
from mlgym_core.components.trainers.xgboost_trainer import XGBoostTrainer
from mlgym_core.errors import BuildError, StoreError

X, Y = make_classification(n_samples=120, n_features=6, n_informative=5, n_classes=3, n_redundant=0, random_state=0)
X = X.astype(np.float32)
APART: Any = {"interaction_constraints": [[0, 1], [2, 3, 4, 5]]}
INPUTS = torch.from_numpy(X[:40])


@pytest.fixture
def loaders() -> dict[str, Loader]:
    return loaders_of(Y)


def loaders_of(targets: Any, task: str = "multiclass", inputs: Any = X) -> dict[str, Loader]:
    data = Dataset(inputs=torch.from_numpy(inputs), targets=torch.as_tensor(targets), task=task, name="made")  # type: ignore[arg-type]
    return batches({"train": data})


def made(loaders: dict[str, Loader], *, seed: int = 0, **parameters: Any) -> XGBoostTrainer:
    trainer = XGBoostTrainer(BoostedTrees(max_depth=3, **parameters), loaders, seed)
    trainer.prepare(torch.device("cpu"))
    return trainer


def boost(trainer: XGBoostTrainer, num_rounds: int) -> XGBoostTrainer:
    for epoch in range(num_rounds):
        list(trainer.train_epoch(epoch))
    return trainer


def files_of(trainer: XGBoostTrainer) -> dict[str, bytes]:
    return {name: bytes(freeze()) for name, freeze in trainer.resources().items()}


def test_without_chance_the_trees_are_those_that_xgboost_grows_in_one_call(loaders: dict[str, Loader]) -> None:
    trainer = boost(made(loaders, eta=0.2, reg_lambda=2.0), 6)
    parameters = {"objective": "multi:softprob", "num_class": 3, "max_depth": 3, "eta": 0.2, "lambda": 2, "nthread": 1}
    expected = xgboost.train(parameters, xgboost.DMatrix(X, Y), 6)

    assert files_of(trainer) == {"model.ubj": bytes(expected.save_raw("ubj"))}
    np.testing.assert_allclose(trainer.predict(INPUTS).numpy(), expected.predict(xgboost.DMatrix(X[:40])), rtol=1e-5)


@pytest.mark.parametrize("share", ["subsample", "colsample_bytree", "colsample_bylevel", "colsample_bynode"])
def test_what_is_drawn_depends_on_the_seed(share: str, loaders: dict[str, Loader]) -> None:
    first, again, other = (boost(made(loaders, seed=seed, **{share: 0.5}), 3) for seed in (1, 1, 2))
    assert files_of(first) == files_of(again) != files_of(other)


@pytest.mark.parametrize("booster", ["gbtree", "dart"])
def test_scores_are_those_of_all_trees_though_only_new_ones_are_counted(
    booster: Any, loaders: dict[str, Loader]
) -> None:
    trainer, fresh = made(loaders, booster=booster, num_parallel_tree=2), made(loaders, booster=booster)
    for epoch in range(5):
        list(trainer.train_epoch(epoch))
        fresh.load_resources(files_of(trainer).__getitem__)
        assert torch.equal(trainer.predict(INPUTS), fresh.predict(INPUTS))


def test_an_epoch_counts_its_own_trees_alone(loaders: dict[str, Loader], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    predict = xgboost.Booster.predict
    monkeypatch.setattr(
        xgboost.Booster,
        "predict",
        lambda self, data, **more: asked.append(more.get("iteration_range")) or predict(self, data, **more),
    )
    trainer = XGBoostTrainer(BoostedTrees(max_depth=3), loaders, 0, rounds_per_epoch=2)
    trainer.prepare(torch.device("cpu"))
    for epoch in range(3):
        list(trainer.train_epoch(epoch))
        trainer.predict(INPUTS)
        trainer.predict(INPUTS)
        trainer.finish_epoch({})
    assert asked == [None, (2, 4), (4, 6)]


def test_the_objective_is_the_one_for_the_task_where_none_is_named() -> None:
    assert [objective_for(task, None).name for task in ("binary", "multiclass", "regression")] == [  # type: ignore[arg-type]
        "binary:logistic",
        "multi:softprob",
        "reg:squarederror",
    ]


@pytest.mark.parametrize("objective", ["reg:squarederror", "reg:absoluteerror", "count:poisson", "reg:gamma"])
def test_values_are_read_as_xgboost_reads_them(objective: str) -> None:
    values = np.exp(X[:, 0] / 2)
    trainer = boost(made(loaders_of(values, "regression"), objective=objective), 3)
    booster = xgboost.Booster(model_file=bytearray(files_of(trainer)["model.ubj"]))

    assert trainer.output_scale == "values"
    np.testing.assert_allclose(trainer.predict(INPUTS).numpy(), booster.predict(xgboost.DMatrix(X[:40])), rtol=1e-5)


@pytest.mark.parametrize(("objective", "scale"), [("binary:logistic", "probabilities"), ("binary:hinge", "decision")])
def test_binary_outputs_are_one_for_each_sample(objective: str, scale: str) -> None:
    trainer = boost(made(loaders_of(Y % 2, "binary"), objective=objective), 10)
    outputs = trainer.predict(INPUTS)

    assert trainer.output_scale == scale
    assert outputs.shape == (40,)
    labels = outputs > (0.5 if scale == "probabilities" else 0.0)
    assert (labels == torch.from_numpy(Y[:40] % 2).bool()).double().mean() > 0.9


@pytest.mark.parametrize(
    ("parameters", "code", "message"),
    [
        ({"objective": "reg:squarederror"}, "MG356", "'reg:squarederror' does not fit the task, which is multiclass"),
        ({"objective": "rank:pairwise"}, "MG356", "'rank:pairwise' is not known here"),
        ({"rate_drop": 0.1}, "MG355", "'rate_drop' is a parameter of booster: dart"),
        ({"others": {"seed": 1}}, "MG355", "'seed' may not stand among the others"),
        ({"others": {"max_dept": 1}}, "MG355", r'XGBoost takes no such parameter: Parameters: \{ "max_dept" \}'),
        ({"scale_pos_weight": 2.0}, "MG355", r'takes no such parameter: Parameters: \{ "scale_pos_weight" \}'),
        ({"tree_method": "exact", "colsample_bynode": 0.5}, "MG355", "XGBoost refuses this: column sample by node"),
    ],
    ids=str,
)
def test_what_xgboost_does_not_take_is_told_before_training(
    parameters: dict[str, Any], code: str, message: str, loaders: dict[str, Loader]
) -> None:
    with pytest.raises(BuildError, match=message) as error:
        XGBoostTrainer(BoostedTrees(**parameters), loaders, 0).rehearse(2)
    assert error.value.code == code


def test_further_parameters_reach_xgboost(loaders: dict[str, Loader]) -> None:
    few, many = (boost(made(loaders, others={"max_cat_threshold": 8}, max_bin=bins), 2) for bins in (2, 64))
    few.rehearse(2)
    assert files_of(few) != files_of(many)


def test_constraints_are_kept() -> None:
    trainer = boost(made(loaders_of(X[:, 0], "regression"), monotone_constraints=[-1, 0, 0, 0, 0, 0], **APART), 3)
    rising = torch.zeros(5, 6)
    rising[:, 0] = torch.linspace(-2, 2, 5)
    assert trainer.predict(rising).diff().max() <= 0
    again = made(loaders_of(X[:, 0], "regression"), monotone_constraints=[-1, 0, 0, 0, 0, 0], **APART)
    again.load_resources(files_of(trainer).__getitem__)
    assert files_of(again) == files_of(trainer)


def test_a_missing_xgboost_is_told_with_the_extras(loaders: dict[str, Loader], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xgboost", None)
    with pytest.raises(BuildError, match="needs the package xgboost") as error:
        XGBoostTrainer(BoostedTrees(), loaders, 0)
    assert error.value.code == "MG354"
    assert error.value.hint == "pip install 'mlgym-core[xgboost-cpu]', or 'mlgym-core[xgboost]' for GPUs too"


def test_a_file_of_other_data_and_one_cut_short_are_named(loaders: dict[str, Loader]) -> None:
    files = files_of(boost(made(loaders), 2))
    other = made(loaders_of(Y, inputs=np.ascontiguousarray(X[:, :4])))
    with pytest.raises(StoreError, match="its trees know 6 features, and the data have 4") as error:
        other.load_resources(files.__getitem__)
    assert error.value.code == "MG422"
    with pytest.raises(StoreError, match=r"model\.ubj of a checkpoint is not whole") as error:
        made(loaders).load_resources(lambda name: files[name][:-100])
    assert error.value.code == "MG420"
