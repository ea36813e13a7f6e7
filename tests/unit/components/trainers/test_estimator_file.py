"""Equal estimators have equal files, which hold nothing that nobody trusts."""

import copy
import io
import json
import re
import zipfile
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.ensemble import AdaBoostClassifier, GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from mlgym_core.components.trainers.estimator_file import check_types, dump_estimator, load_estimator
from mlgym_core.errors import StoreError

X, Y = load_iris(return_X_y=True)
ESTIMATORS = [
    RandomForestClassifier(3, random_state=1),
    GradientBoostingClassifier(n_estimators=2, subsample=0.5, random_state=1),
    AdaBoostClassifier(n_estimators=2, random_state=1),
    make_pipeline(StandardScaler(), LogisticRegression()),
]


@pytest.fixture(params=ESTIMATORS, ids=lambda each: type(each).__name__)
def estimator(request: pytest.FixtureRequest) -> Any:
    return clone(request.param).fit(X, Y)


def entries(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return {name: file.read(name) for name in file.namelist()}


def test_equal_states_have_equal_files(estimator: Any) -> None:
    content = dump_estimator(estimator)
    assert dump_estimator(load_estimator(content)) == content
    assert dump_estimator(copy.deepcopy(estimator)) == content
    assert dump_estimator(clone(estimator).fit(X, Y)) == content


def test_another_state_has_another_file(estimator: Any) -> None:
    assert dump_estimator(clone(estimator).fit(X, (Y + 1) % 3)) != dump_estimator(estimator)


def test_what_is_read_predicts_as_what_was_written(estimator: Any) -> None:
    found = load_estimator(dump_estimator(estimator))
    assert np.array_equal(found.predict_proba(X), estimator.predict_proba(X))


def test_no_address_and_no_time_stands_in_a_file(estimator: Any) -> None:
    content = dump_estimator(estimator)
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        assert {each.date_time for each in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    numbers = [int(each) for each in re.findall(r'"__id__":(\d+)', entries(content)["schema.json"].decode())]
    assert numbers
    assert max(numbers) == len(set(numbers))


def test_an_object_that_two_places_share_is_shared_again() -> None:
    estimator = MLPClassifier((4,), random_state=1, max_iter=1)
    estimator.partial_fit(X, Y, classes=[0, 1, 2])
    found: Any = load_estimator(dump_estimator(estimator))
    # The optimizer changes the weights in place; were they copies, training would go on without effect.
    assert found._optimizer is not estimator._optimizer
    for mine, theirs in zip(
        [*found.coefs_, *found.intercepts_], [*estimator.coefs_, *estimator.intercepts_], strict=True
    ):
        assert np.array_equal(mine, theirs)
    found.partial_fit(X, Y)
    estimator.partial_fit(X, Y)
    assert dump_estimator(found) == dump_estimator(estimator)


def test_a_function_of_another_library_is_not_trusted() -> None:
    content = dump_estimator(FunctionTransformer(json.dumps))
    with pytest.raises(StoreError, match=r"MG352 .*json\.dumps"):
        check_types(content)
    check_types(content, ["json.dumps"])


def test_what_is_only_found_in_a_module_of_scikit_learn_is_not_trusted() -> None:
    schema = entries(dump_estimator(StandardScaler().fit(X)))
    text = schema["schema.json"].decode().replace("sklearn.preprocessing._data", "sklearn.utils._param_validation")
    forged = io.BytesIO()
    with zipfile.ZipFile(forged, "w") as file:
        for name, content in {**schema, "schema.json": text.replace("StandardScaler", "Integral").encode()}.items():
            file.writestr(name, content)
    with pytest.raises(StoreError, match="Integral"):
        load_estimator(forged.getvalue())


def test_what_no_file_can_hold_is_named() -> None:
    estimator = StandardScaler().fit(X)
    estimator.lock = (each for each in ())
    with pytest.raises(StoreError, match=r"MG353 a checkpoint cannot hold this StandardScaler"):
        dump_estimator(estimator)
