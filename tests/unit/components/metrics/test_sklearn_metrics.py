import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from sklearn import metrics as theirs
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import get_scorer_names

from mlgym_core.components.metrics import Metrics
from mlgym_core.components.outputs import Gathering, Outputs
from mlgym_core.components.post_processing import Binarization, Sigmoid
from mlgym_core.errors import BuildError


def metric(name: str, **arguments):
    component = Metrics().find(name)
    defaults = {each.name: each.default for each in component.parameters if not each.required}
    return component.factory(**(defaults | arguments))


@pytest.fixture
def multiclass() -> Outputs:
    generator = torch.Generator().manual_seed(0)
    raw = torch.randn(60, 3, generator=generator)
    return Outputs(raw, torch.randint(3, (60,), generator=generator), "multiclass")


@pytest.fixture
def binary() -> Outputs:
    generator = torch.Generator().manual_seed(1)
    return Outputs(torch.randn(50, 1, generator=generator), torch.randint(2, (50,), generator=generator), "binary")


@pytest.fixture
def regression() -> Outputs:
    generator = torch.Generator().manual_seed(2)
    return Outputs(torch.rand(40, 1, generator=generator), torch.rand(40, generator=generator), "regression")


def test_names_are_short_and_unique_and_all_of_them_are_found() -> None:
    names = Metrics().names()

    assert len(set(names)) == len(names)
    assert {"f1", "accuracy", "precision", "recall", "balanced_accuracy", "roc_auc", "brier", "r2", "rmse"} <= set(
        names
    )
    assert all(Metrics().find(name).name == name for name in names)
    assert Metrics().find("f1_score").name == Metrics().find("F1").name == "f1"
    assert Metrics().find("confusion_matrix") is None


def test_labels_are_scored_as_scikit_learn_scores_them(multiclass: Outputs) -> None:
    targets, labels = multiclass.targets, multiclass.labels

    assert metric("f1", average="macro")(multiclass) == theirs.f1_score(targets, labels, average="macro")
    assert metric("accuracy")(multiclass) == theirs.accuracy_score(targets, labels)
    assert metric("mcc")(multiclass) == theirs.matthews_corrcoef(targets, labels)


def test_probabilities_are_scored_as_scikit_learn_scores_them(multiclass: Outputs, binary: Outputs) -> None:
    rows, targets = multiclass.probabilities, multiclass.targets

    assert metric("roc_auc", multi_class="ovr")(multiclass) == theirs.roc_auc_score(targets, rows, multi_class="ovr")
    assert metric("log_loss")(multiclass) == theirs.log_loss(targets, rows)
    assert metric("brier")(binary) == theirs.brier_score_loss(binary.targets, binary.probabilities)
    assert metric("average_precision")(binary) == theirs.average_precision_score(binary.targets, binary.probabilities)


def test_numbers_are_scored_as_scikit_learn_scores_them(regression: Outputs) -> None:
    assert metric("r2")(regression) == theirs.r2_score(regression.targets, regression.values)
    assert metric("rmse")(regression) == theirs.root_mean_squared_error(regression.targets, regression.values)


@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
@pytest.mark.parametrize("name", ["f1", "precision", "recall", "jaccard"])
def test_a_score_of_labels_is_that_of_their_confusion_matrix(name, average, multiclass: Outputs) -> None:
    function = getattr(theirs, f"{name}_score")

    assert metric(name, average=average)(multiclass) == function(multiclass.targets, multiclass.labels, average=average)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("accuracy", {}),
        ("accuracy", {"normalize": False}),
        ("balanced_accuracy", {}),
        ("balanced_accuracy", {"adjusted": True}),
        ("kappa", {"weights": "quadratic"}),
        ("mcc", {}),
        ("hamming_loss", {}),
        ("zero_one_loss", {}),
    ],
)
def test_whatever_counts_labels_gives_what_it_gives_of_the_samples(name, arguments, multiclass: Outputs) -> None:
    one = metric(name, **arguments)
    chosen = {key: value for key, value in one.arguments.items() if value is not None}

    assert one(multiclass) == pytest.approx(one.function(multiclass.targets, multiclass.labels, **chosen), rel=1e-14)


def test_what_is_kept_of_batches_is_scored_as_the_whole(multiclass: Outputs) -> None:
    gathering = Gathering({"labels"}, "multiclass", "logits")
    for batch in zip(multiclass.raw.split(7), multiclass.target.split(7), strict=True):
        gathering.add(*batch)

    for name in ("accuracy", "kappa", "mutual_info"):
        assert metric(name)(gathering.outputs()) == metric(name)(multiclass)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("f1_macro", lambda it: theirs.f1_score(it.targets, it.labels, average="macro")),
        ("neg_log_loss", lambda it: -theirs.log_loss(it.targets, it.probabilities)),
        ("roc_auc_ovr", lambda it: theirs.roc_auc_score(it.targets, it.probabilities, multi_class="ovr")),
    ],
)
def test_scorers_are_metrics_by_their_name(name, expected, multiclass: Outputs) -> None:
    assert metric(name)(multiclass) == pytest.approx(expected(multiclass), rel=1e-14)
    assert Metrics().find(name).goal == "max"


def test_a_scorer_of_numbers_is_given_values(regression: Outputs) -> None:
    expected = theirs.mean_squared_error(regression.targets, regression.values)

    assert metric("neg_mean_squared_error")(regression) == -expected


def test_every_scorer_is_found() -> None:
    assert all(Metrics().find(name) for name in get_scorer_names())


def test_what_is_given_may_be_made_by_steps(binary: Outputs) -> None:
    chosen = metric("f1", post_processing=[Sigmoid(), Binarization(0.3)])(binary)

    assert chosen == theirs.f1_score(binary.targets, binary.probabilities > 0.3)


def test_a_decision_function_is_enough_for_a_score_of_ranks(binary: Outputs) -> None:
    decided = Outputs(binary.raw, binary.target, "binary", "decision")

    assert metric("roc_auc")(decided) == metric("roc_auc")(binary)
    with pytest.raises(BuildError, match="it needs probabilities"):
        metric("brier")(decided)


def test_the_form_that_is_given_can_be_chosen(binary: Outputs) -> None:
    chosen = metric("roc_auc", given="labels")(binary)

    assert chosen == theirs.roc_auc_score(binary.targets, binary.labels)
    assert chosen != metric("roc_auc")(binary)


def test_a_split_without_one_of_the_classes_is_scored() -> None:
    outputs = Outputs(torch.eye(4)[:3] * 5, torch.tensor([0, 1, 2]), "multiclass")

    assert metric("log_loss")(outputs) < 0.1
    assert metric("top_k_accuracy", k=1)(outputs) == 1


def test_a_split_of_one_class_alone_is_scored_where_that_has_a_meaning() -> None:
    outputs = Outputs(torch.tensor([-5.0, -4.0]), torch.tensor([0, 0]), "binary")

    assert metric("log_loss")(outputs) < 0.1
    assert metric("brier")(outputs) < 0.1
    with pytest.warns(UndefinedMetricWarning, match="Only one class is present"):
        assert np.isnan(metric("roc_auc")(outputs))


def test_a_class_that_is_never_predicted_gives_0_and_no_warning() -> None:
    outputs = Outputs(torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 1]), "binary")

    assert metric("precision")(outputs) == 0


def test_a_metric_says_which_way_is_better() -> None:
    assert {name: Metrics().find(name).goal for name in ("f1", "brier", "log_loss", "rmse", "r2", "mcc")} == {
        "f1": "max",
        "brier": "min",
        "log_loss": "min",
        "rmse": "min",
        "r2": "max",
        "mcc": "max",
    }


def test_a_metric_for_another_task_is_refused(multiclass: Outputs, regression: Outputs) -> None:
    with pytest.raises(BuildError, match="it scores numbers, and the task is multiclass"):
        metric("r2")(multiclass)
    with pytest.raises(BuildError, match="it scores classes, and the task is regression"):
        metric("f1")(regression)


def test_scikit_learn_says_what_else_does_not_fit(multiclass: Outputs) -> None:
    with pytest.raises(ValueError, match="Target is multiclass but average='binary'"):
        metric("f1")(multiclass)


@pytest.mark.parametrize(
    ("name", "argument", "good", "bad"),
    [
        ("f1", "average", "macro", "makro"),
        ("f1", "zero_division", 0.0, 0.5),
        ("fbeta", "beta", 0.5, -1.0),
        ("top_k_accuracy", "k", 3, 0),
        ("roc_auc", "max_fpr", 0.5, 1.5),
        ("accuracy", "normalize", False, "no"),
        ("kappa", "weights", None, "cubic"),
    ],
)
def test_arguments_are_constrained_as_scikit_learn_constrains_them(name, argument, good, bad) -> None:
    adapter = TypeAdapter(Metrics().find(name).parameter(argument).annotation)

    assert adapter.validate_python(good, strict=True) == good
    with pytest.raises(ValidationError):
        adapter.validate_python(bad, strict=True)


def test_every_default_satisfies_its_own_constraints() -> None:
    for name in Metrics().names():
        for parameter in Metrics().find(name).parameters:
            if not parameter.required:
                TypeAdapter(parameter.annotation).validate_python(parameter.default)


def test_scores_are_plain_floats(multiclass: Outputs) -> None:
    assert type(metric("accuracy")(multiclass)) is float
    assert np.isfinite(metric("balanced_accuracy")(multiclass))
