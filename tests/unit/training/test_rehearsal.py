import pytest
import torch
from sklearn.svm import LinearSVC
from torch import nn

from mlgym_core import BatchTrainer, Loaders
from mlgym_core.components.outputs import Scale
from mlgym_core.errors import BuildError, ConfigError
from mlgym_core.training import rehearse


def test_a_pipeline_that_fits_passes_and_stays_as_it_was(assemble, iris, registry) -> None:
    @registry.register("model", "normed")
    class Normed(nn.Sequential):
        def __init__(self) -> None:
            super().__init__(nn.Linear(4, 3), nn.BatchNorm1d(3))

    iris["model"] = "normed"
    components = assemble(iris)
    before = {name: each.clone() for name, each in components["model"].state_dict().items()}

    rehearse(components)

    after = components["model"].state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert components["trainer"].step == 0


def test_a_trainer_of_ones_own_that_does_not_take_the_data_is_found_in_the_configuration(
    assemble, iris, registry
) -> None:
    @registry.register("trainer", "two_classes")
    class TwoClasses(BatchTrainer):
        output_scale = "labels"

        def __init__(self, loaders: Loaders) -> None:
            super().__init__(loaders)

        def fit_batch(self, inputs, targets):
            raise IndexError("there are three classes")

        def predict(self, inputs):
            return inputs

        def state(self):
            return {}

        def load_state(self, state):
            pass

    config = {
        **{slot: iris[slot] for slot in ("run", "data", "splits", "loaders", "metrics")},
        "trainer": "two_classes",
    }

    with pytest.raises(BuildError, match="TwoClasses does not take the data: there are three classes") as info:
        rehearse(assemble(config))

    assert (info.value.code, str(info.value.place)) == ("MG320", "test.yml:1:1")


def test_a_model_that_does_not_take_the_data_is_named_with_the_shape(assemble, iris) -> None:
    iris["model"]["sizes"] = [5, 3]

    with pytest.raises(
        BuildError, match=r"model MLP does not take inputs of shape \[2, 4\]: mat1 and mat2 shapes"
    ) as info:
        rehearse(assemble(iris))

    assert info.value.code == "MG320"
    assert info.value.place is not None
    assert isinstance(info.value.__cause__, RuntimeError)


def test_a_loss_that_does_not_fit_is_told_with_both_shapes(assemble, iris) -> None:
    iris["loss"] = "mse"

    with pytest.raises(
        BuildError, match=r"the loss does not fit outputs of model MLP of shape \[2, 3\] and targets of shape \[2\]"
    ):
        rehearse(assemble(iris))


def test_an_optimizer_that_does_not_fit_is_told(assemble, iris) -> None:
    iris["optimizer"] = {"use": "sparseadam"}

    with pytest.raises(BuildError, match=r"the optimizer or its scheduler does not fit model MLP: .*dense gradients"):
        rehearse(assemble(iris))


def test_too_few_outputs_for_the_classes_are_told(assemble, iris) -> None:
    iris["data"] = {"use": "digits", "flatten": True}
    iris["model"] = {"use": "mlp", "sizes": [64, 9]}

    with pytest.raises(BuildError, match="the model puts out 9 values a sample, but there are 10 classes"):
        rehearse(assemble(iris))


def test_all_metrics_that_do_not_fit_are_named_with_the_task(assemble, iris) -> None:
    iris["metrics"] = ["f1", "accuracy", "r2", "roc_auc"]

    with pytest.raises(ConfigError) as info:
        rehearse(assemble(iris))

    messages = [each.message for each in info.value.diagnostics]
    assert [message.partition(": ")[0] for message in messages] == [
        f"metric '{name}' does not fit split 'train', whose task is multiclass" for name in ("f1", "r2", "roc_auc")
    ]
    assert "average='binary'" in messages[0]
    assert "scores numbers" in messages[1]
    assert "multi_class must be" in messages[2]


@pytest.mark.parametrize(
    ("slot", "component"),
    [
        ("early_stopping", {"use": "no_improvement", "window": 2}),
        ("lr_scheduler", {"use": "reduce_lr_on_plateau"}),
        ("checkpointing", {"use": "best"}),
    ],
)
def test_a_monitored_score_must_exist(assemble, iris, slot: str, component) -> None:
    iris[slot] = component | {"monitor": "val/f2"}

    with pytest.raises(
        ConfigError, match=rf"{slot} monitors 'val/f2', which is no score\s+there are: train/cross_entropy, "
    ):
        rehearse(assemble(iris))


def test_a_score_that_a_combined_rule_monitors_must_exist(assemble, iris) -> None:
    iris["checkpointing"] = {"use": "combined", "rules": ["last_epoch", {"use": "best", "monitor": "val/f2"}]}

    with pytest.raises(ConfigError, match="checkpointing monitors 'val/f2'"):
        rehearse(assemble(iris))


@pytest.mark.parametrize(
    "change",
    [
        {
            "metrics": [
                "accuracy",
                {"use": "roc_auc", "multi_class": "ovr"},
                "log_loss",
                {"use": "top_k_accuracy", "k": 2},
            ]
        },
        {
            "data": "breast_cancer",
            "model": {"use": "mlp", "sizes": [30, 1]},
            "loss": "bce_with_logits",
            "metrics": ["brier"],
        },
        {
            "data": "diabetes",
            "model": {"use": "mlp", "sizes": [10, 1]},
            "loss": "mse",
            "metrics": ["r2", "msle", "mape"],
        },
    ],
)
def test_metrics_that_fit_pass(assemble, iris, change) -> None:
    iris |= change
    if iris["data"] == "diabetes":
        iris["splits"]["use"] = "random"

    rehearse(assemble(iris))


def test_data_that_is_not_in_memory_is_read_for_two_samples_alone(assemble, iris, registry) -> None:
    read = []

    class Lazy:
        task = "multiclass"

        def __len__(self) -> int:
            return 100

        def __getitem__(self, index: int):
            read.append(index)
            return torch.rand(4), index % 3

    registry.register("data", "lazy")(lambda: {"train": Lazy()})
    iris["data"] = "lazy"
    del iris["splits"]
    iris["loaders"] = {"splits": {"train": "$data.train"}, "batch_size": 4}

    rehearse(assemble(iris))

    assert set(read) == {0, 1}


def test_a_further_loss_that_does_not_fit_is_named(assemble, iris) -> None:
    iris["losses"] = [{"use": "mse", "name": "squares"}, "nll"]

    with pytest.raises(ConfigError, match=r"loss 'squares' does not fit: MSELoss compares numbers one by one") as info:
        rehearse(assemble(iris))

    assert [each.code for each in info.value.diagnostics] == ["MG321"]


def test_a_loss_of_logits_does_not_fit_a_model_that_gives_probabilities(assemble, iris, registry) -> None:
    @registry.register("model", "likely")
    class Likely(nn.Sequential):
        def __init__(self) -> None:
            super().__init__(nn.Linear(30, 1), nn.Sigmoid())

    iris |= {
        "data": "breast_cancer",
        "loss": "bce",
        "losses": ["bce_with_logits"],
        "metrics": [],
    }
    iris["model"] = "likely"

    with pytest.raises(ConfigError, match="loss 'bce_with_logits' compares logits, and Likely gives probabilities"):
        rehearse(assemble(iris))


def test_a_metric_that_is_not_defined_for_the_classes_of_a_split_is_no_misfit(assemble, iris, registry) -> None:
    @registry.register("metric", "fussy")
    class Fussy:
        def __call__(self, outputs) -> float:
            if len(set(outputs.targets)) < 3:
                raise ValueError("a class is missing")
            return 1.0

    iris["metrics"] = ["fussy", {"use": "roc_auc", "multi_class": "ovr"}]
    iris["splits"] = {"use": "first_class", "source": "$data.train"}
    registry.register("splits", "first_class")(two_parts)

    rehearse(assemble(iris))


def test_scores_that_share_a_name_are_refused(assemble, iris) -> None:
    iris["metrics"] = [{"use": "recall_at", "k": [2, 3]}, {"use": "f1", "name": "recall_at_3"}]

    with pytest.raises(BuildError, match="two scores are named 'recall_at_3'"):
        rehearse(assemble(iris))


class Deciding:
    """A trainer of an estimator that has no probabilities, as far as a rehearsal asks it."""

    output_scale: Scale

    def __init__(self, scale: Scale, outputs: torch.Tensor) -> None:
        self.output_scale = scale
        self._outputs = outputs

    def rehearse(self, num_samples: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self._outputs[:num_samples], torch.zeros(num_samples, dtype=torch.long)


@pytest.mark.parametrize(("scale", "given"), [("decision", "values of a decision function"), ("labels", "labels")])
def test_an_estimator_without_probabilities_is_named_with_the_metric_that_needs_them(
    assemble, iris, registry, scale, given
) -> None:
    registry.register("trainer", "deciding")(lambda: Deciding(scale, torch.zeros(2)))
    registry.register("model", "linear_svc_of_a_test")(LinearSVC)
    iris |= {"data": "breast_cancer", "trainer": "deciding", "model": "linear_svc_of_a_test"}
    iris["metrics"] = ["accuracy", "brier", "f1"]
    del iris["loss"]

    with pytest.raises(ConfigError) as info:
        rehearse(assemble(iris))

    (fault,) = info.value.diagnostics
    assert fault.code == "MG370"
    assert fault.message == f"metric 'brier' needs probabilities, and LinearSVC gives {given} alone"
    assert "predict_proba" in (fault.hint or "")
    assert fault.place is not None


def test_labels_of_many_classes_fit_metrics_of_labels(assemble, iris, registry) -> None:
    registry.register("trainer", "deciding")(lambda: Deciding("labels", torch.zeros(2)))
    iris |= {"trainer": "deciding", "metrics": ["accuracy", {"use": "f1", "average": "macro"}]}
    del iris["loss"]

    rehearse(assemble(iris))

    iris["metrics"] = ["f1"]
    with pytest.raises(ConfigError, match="average='binary'"):
        rehearse(assemble(iris))


def two_parts(source) -> dict[str, object]:
    of_one_class = torch.nonzero(source.targets == 0).flatten()
    return {"train": source, "val": source.subset(of_one_class)}
