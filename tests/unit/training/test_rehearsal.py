import pytest
import torch
from torch import nn

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
    ],
)
def test_a_monitored_score_must_exist(assemble, iris, slot: str, component) -> None:
    iris[slot] = component | {"monitor": "val/f2"}

    with pytest.raises(
        ConfigError, match=rf"{slot} monitors 'val/f2', which is no score\s+there are: train/cross_entropy, "
    ):
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
