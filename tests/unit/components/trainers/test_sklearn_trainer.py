"""What an epoch of an estimator is, what it gives, and what is refused."""

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier, StackingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from mlgym_core.components.data.dataset import Dataset
from mlgym_core.components.data.loaders import Loader, batches
from mlgym_core.components.trainers.sklearn_trainer import SklearnTrainer
from mlgym_core.errors import BuildError, StoreError

X, Y = make_classification(n_samples=80, n_features=5, n_informative=4, n_classes=3, n_redundant=0, random_state=0)
X = X.astype(np.float32)
INPUTS = torch.from_numpy(X[:10])


class Majority(ClassifierMixin, BaseEstimator):
    """An estimator of one's own."""

    def fit(self, inputs: Any, targets: Any) -> "Majority":
        self.classes_ = np.unique(targets)
        self.most_ = np.bincount(targets).argmax()
        return self

    def predict(self, inputs: Any) -> Any:
        return np.full(len(inputs), self.most_)


def loaders_of(targets: Any, task: str = "multiclass", **more: Any) -> dict[str, Loader]:
    data = Dataset(inputs=torch.from_numpy(X), targets=torch.as_tensor(targets), task=task, name="made")  # type: ignore[arg-type]
    return batches({"train": data, **more}, batch_size=16)


@pytest.fixture
def loaders() -> dict[str, Loader]:
    return loaders_of(Y)


def fitted(model: Any, loaders: dict[str, Loader], *, num_epochs: int = 1, **settings: Any) -> SklearnTrainer:
    trainer = SklearnTrainer(model, loaders, **settings)
    trainer.prepare(torch.device("cpu"))
    for epoch in range(num_epochs):
        list(trainer.train_epoch(epoch))
    return trainer


def test_an_estimator_is_fitted_as_a_whole_as_by_scikit_learn(loaders: dict[str, Loader]) -> None:
    trainer = fitted(make_pipeline(StandardScaler(), LogisticRegression()), loaders)
    expected = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y).predict_proba(X[:10])

    assert np.array_equal(trainer.predict(INPUTS).numpy(), expected)
    assert trainer.max_epochs == 1
    assert trainer.num_batches == trainer.step == 1


def test_a_forest_grows_by_its_size_in_each_epoch(loaders: dict[str, Loader]) -> None:
    trainer = fitted(RandomForestClassifier(4, random_state=1), loaders, num_epochs=3)
    expected = RandomForestClassifier(12, random_state=1).fit(X, Y).predict_proba(X[:10])

    assert np.array_equal(trainer.predict(INPUTS).numpy(), expected)
    assert trainer.max_epochs is None


def test_batches_are_fitted_in_the_order_of_the_loader(loaders: dict[str, Loader]) -> None:
    trainer = fitted(make_pipeline(StandardScaler(), SGDClassifier(random_state=1)), loaders, num_epochs=2)
    scaler, expected = StandardScaler().fit(X), SGDClassifier(random_state=1)
    for epoch in range(2):
        for inputs, targets in loaders["train"].epoch(epoch):
            expected.partial_fit(scaler.transform(inputs.numpy()), targets.numpy(), classes=[0, 1, 2])

    assert trainer.num_batches == 5
    assert trainer.step == 10
    assert np.array_equal(trainer.predict(INPUTS).numpy(), expected.decision_function(scaler.transform(X[:10])))


def test_which_way_to_fit_may_be_said(loaders: dict[str, Loader]) -> None:
    assert fitted(GaussianNB(), loaders).num_batches == 5
    assert fitted(GaussianNB(), loaders, fit="whole").num_batches == 1
    with pytest.raises(
        BuildError, match=r"LogisticRegression cannot be fitted by fit: growing\s+it can: whole"
    ) as error:
        SklearnTrainer(LogisticRegression(), loaders, fit="growing")
    assert error.value.code == "MG351"


@pytest.mark.parametrize(
    ("model", "scale", "shape"),
    [
        (LogisticRegression(), "probabilities", (10, 3)),
        (RidgeClassifier(), "decision", (10, 3)),
        (SVC(), "decision", (10, 3)),
        (SVC(decision_function_shape="ovo"), "labels", (10,)),
        (make_pipeline(StandardScaler(), GaussianNB()), "probabilities", (10, 3)),
        (StackingClassifier([("ridge", RidgeClassifier())], cv=2), "probabilities", (10, 3)),
    ],
    ids=str,
)
def test_outputs_are_the_most_telling_that_an_estimator_has(
    model: Any, scale: str, shape: tuple[int, ...], loaders: dict[str, Loader]
) -> None:
    rehearsed = SklearnTrainer(model, loaders)
    assert rehearsed.rehearse(2)[0].shape[1:] == shape[1:]

    outputs = fitted(model, loaders).predict(INPUTS)

    assert rehearsed.output_scale == scale
    assert outputs.shape == shape
    assert outputs.is_floating_point() == (scale != "labels")


def test_a_regressor_gives_values() -> None:
    loaders = loaders_of(X[:, 0] * 2, "regression")
    trainer = fitted(LinearRegression(), loaders)

    assert trainer.output_scale == "values"
    torch.testing.assert_close(trainer.predict(INPUTS).float(), INPUTS[:, 0] * 2)


@pytest.mark.parametrize(("model", "least"), [(LogisticRegression(), 0.0), (RidgeClassifier(), None)], ids=str)
def test_a_class_that_training_lacks_has_a_column_all_the_same(model: Any, least: float | None) -> None:
    other = Dataset(inputs=torch.from_numpy(X), targets=torch.from_numpy(Y), task="multiclass")
    trainer = fitted(model, loaders_of(np.where(Y == 1, 2, Y), val=other))
    outputs = trainer.predict(INPUTS)

    assert outputs.shape == (10, 3)
    assert torch.equal(outputs.argmax(1), torch.from_numpy(trainer._model.predict(X[:10])))
    assert torch.equal(outputs[:, 1], outputs.min(1).values if least is None else torch.full((10,), least).double())


def test_targets_may_be_one_hot() -> None:
    rows = np.eye(3, dtype=np.float32)[Y]
    assert torch.equal(
        fitted(LogisticRegression(), loaders_of(rows)).predict(INPUTS),
        fitted(LogisticRegression(), loaders_of(Y)).predict(INPUTS),
    )


@pytest.mark.parametrize(
    ("model", "task", "message"),
    [
        (LinearRegression(), "multiclass", "LinearRegression is no classifier, and the task is multiclass"),
        (LogisticRegression(), "regression", "LogisticRegression is no regressor, and the task is regression"),
    ],
    ids=["regressor", "classifier"],
)
def test_an_estimator_that_is_not_for_the_task_is_refused(model: Any, task: str, message: str) -> None:
    targets = Y.astype(np.float32) if task == "regression" else Y
    with pytest.raises(BuildError, match=message) as error:
        SklearnTrainer(model, loaders_of(targets, task)).rehearse(2)
    assert error.value.code == "MG351"


def test_a_rehearsal_shows_what_cannot_be_fitted(loaders: dict[str, Loader]) -> None:
    with pytest.raises(
        BuildError, match=r"SGDClassifier does not take the data: early_stopping should be False"
    ) as error:
        SklearnTrainer(SGDClassifier(early_stopping=True), loaders).rehearse(2)
    assert error.value.code == "MG320"


def test_a_type_of_ones_own_is_kept_where_it_is_trusted_alone(loaders: dict[str, Loader]) -> None:
    name = f"{Majority.__module__}.Majority"
    with pytest.raises(StoreError, match=name) as error:
        SklearnTrainer(Majority(), loaders).rehearse(2)
    assert error.value.code == "MG352"
    assert error.value.hint == f"if you trust it: trainer: {{use: sklearn, trusted: [{name}]}}"

    trainer = fitted(Majority(), loaders, trusted=[name])
    files = {file: bytes(freeze()) for file, freeze in trainer.resources().items()}
    other = SklearnTrainer(Majority(), loaders, trusted=[name])
    other.load_resources(files.__getitem__)
    assert torch.equal(other.predict(INPUTS), trainer.predict(INPUTS))
    with pytest.raises(StoreError, match=name):
        SklearnTrainer(Majority(), loaders).load_resources(files.__getitem__)


def test_a_file_of_another_estimator_and_one_cut_short_are_named(loaders: dict[str, Loader]) -> None:
    files = {file: bytes(freeze()) for file, freeze in fitted(GaussianNB(), loaders).resources().items()}
    with pytest.raises(StoreError, match="it holds GaussianNB, and the model is SGDClassifier") as error:
        SklearnTrainer(SGDClassifier(), loaders).load_resources(files.__getitem__)
    assert error.value.code == "MG422"
    with pytest.raises(StoreError, match="the estimator's file of a checkpoint is not whole") as error:
        SklearnTrainer(GaussianNB(), loaders).load_resources(lambda name: files[name][:-100])
    assert error.value.code == "MG420"


def test_a_file_is_of_the_moment_it_was_asked_for_whatever_is_predicted_since(loaders: dict[str, Loader]) -> None:
    trainer, quiet = fitted(KNeighborsClassifier(), loaders), fitted(KNeighborsClassifier(), loaders)
    frozen = trainer.resources()["model.skops"]
    trainer.predict(INPUTS)
    assert frozen() == quiet.resources()["model.skops"]()


def test_inputs_that_are_no_tensors_are_refused(loaders: dict[str, Loader]) -> None:
    with pytest.raises(BuildError, match="takes tensors as inputs, not a dict"):
        fitted(GaussianNB(), loaders).predict({"image": INPUTS})
