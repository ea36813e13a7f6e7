from __future__ import annotations

import pytest
import torch
from torch import nn

from mlgym_core.components.lr_schedulers import LRSchedulers, SchedulerBundle, make_schedulers
from mlgym_core.components.optimizers import Optimizers
from mlgym_core.components.parameter_groups import OptimizerBundle, make_optimizers
from mlgym_core.errors import BuildError


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 3))
        self.head = nn.Linear(3, 2)


def optimizer(name: str, **arguments):
    return Optimizers().find(name).factory(**arguments)


def names(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[list[str]]:
    """The parameters of each group of an optimizer by name."""
    known = {id(each): name for name, each in model.named_parameters()}
    return [[known[id(each)] for each in group["params"]] for group in optimizer.param_groups]


class TestGroups:
    def test_settings_hold_for_the_parameters_that_match(self) -> None:
        model = Net()
        adamw = optimizer(
            "adamw",
            lr=0.1,
            groups=[{"parameters": "*.bias", "weight_decay": 0.0}, {"parameters": ["head.w*"], "lr": 1.0}],
        )

        (made,) = make_optimizers(adamw, model).values()

        assert names(model, made) == [
            ["encoder.0.bias", "encoder.1.bias", "head.bias"],
            ["head.weight"],
            ["encoder.0.weight", "encoder.1.weight"],
        ]
        assert [(group["lr"], group["weight_decay"]) for group in made.param_groups] == [
            (0.1, 0.0),
            (1.0, 0.01),
            (0.1, 0.01),
        ]

    def test_without_any_all_parameters_are_alike(self) -> None:
        (made,) = make_optimizers(optimizer("adam", groups=None), Net()).values()

        assert len(made.param_groups) == 1

    def test_a_parameter_in_two_groups_is_named(self) -> None:
        doubled = optimizer("adam", groups=[{"parameters": "*.bias"}, {"parameters": "head.*"}])

        with pytest.raises(BuildError, match=r"group 0 and group 1 both take head\.bias") as info:
            make_optimizers(doubled, Net())
        assert info.value.code == "MG340"

    def test_a_pattern_without_any_parameter_is_named(self) -> None:
        with pytest.raises(
            BuildError, match=r"'tail\.\*' of group 0 matches no parameter of the model\s+there are: enc"
        ):
            make_optimizers(optimizer("adam", groups=[{"parameters": "tail.*"}]), Net())


class TestBundles:
    def test_each_optimizer_has_its_own_parameters(self) -> None:
        model = Net()
        bundle = OptimizerBundle(
            {"a": optimizer("sgd", lr=1.0), "b": torch.optim.Adam},
            {"a": "encoder.*", "b": ["head.weight", "head.bias"]},
        )

        made = make_optimizers(bundle, model)

        assert {name: type(each).__name__ for name, each in made.items()} == {"a": "SGD", "b": "Adam"}
        assert names(model, made["b"]) == [["head.weight", "head.bias"]]

    def test_parameters_that_nobody_takes_are_named_unless_they_are_frozen(self) -> None:
        model = Net()
        bundle = OptimizerBundle({"a": optimizer("sgd")}, {"a": "encoder.*"})

        with pytest.raises(BuildError, match=r"no optimizer of the bundle takes head\.weight, head\.bias") as info:
            make_optimizers(bundle, model)
        assert info.value.code == "MG340"
        model.head.requires_grad_(False)
        assert make_optimizers(bundle, model).keys() == {"a"}

    def test_parameters_that_two_take_are_named(self) -> None:
        bundle = OptimizerBundle({"a": optimizer("sgd"), "b": optimizer("adam")}, {"a": "*", "b": "head.*"})

        with pytest.raises(BuildError, match=r"a and b both take head\.weight, head\.bias"):
            make_optimizers(bundle, Net())

    def test_names_must_agree(self) -> None:
        with pytest.raises(BuildError, match=r"`parameters` for each of its `optimizers`: 'b' has not both"):
            OptimizerBundle({"a": optimizer("sgd"), "b": optimizer("sgd")}, {"a": "*"})
        with pytest.raises(BuildError, match="at least one optimizer"):
            OptimizerBundle({}, {})

    def test_one_that_searches_cannot_share(self) -> None:
        bundle = OptimizerBundle({"a": optimizer("lbfgs"), "b": optimizer("adam")}, {"a": "enc*", "b": "head.*"})

        with pytest.raises(BuildError, match="'a' is LBFGS"):
            make_optimizers(bundle, Net())


class TestSchedules:
    def bundle(self) -> OptimizerBundle:
        return OptimizerBundle({"a": optimizer("sgd"), "b": optimizer("adam")}, {"a": "encoder.*", "b": "head.*"})

    def test_each_optimizer_may_have_its_own(self) -> None:
        optimizers = make_optimizers(self.bundle(), Net())
        by_step = LRSchedulers().find("exponential").factory(gamma=0.5, interval="step")

        made = make_schedulers(SchedulerBundle({"b": by_step}), optimizers)
        optimizers["b"].step()
        made["b"].after_batch()

        assert made.keys() == {"b"}
        assert [each.param_groups[0]["lr"] for each in optimizers.values()] == [1e-3, 5e-4]

    def test_one_serves_all(self) -> None:
        made = make_schedulers(
            LRSchedulers().find("exponential").factory(gamma=0.5), make_optimizers(self.bundle(), Net())
        )

        assert made.keys() == {"a", "b"}

    def test_one_for_an_optimizer_that_there_is_not_is_named(self) -> None:
        bundle = SchedulerBundle({"c": LRSchedulers().find("exponential").factory(gamma=0.5)})

        with pytest.raises(BuildError, match=r"has one for 'c', which is no optimizer\s+there are: a, b") as info:
            make_schedulers(bundle, make_optimizers(self.bundle(), Net()))
        assert info.value.code == "MG344"

    def test_the_scores_that_they_watch_are_known(self) -> None:
        plateau = LRSchedulers().find("reduce_lr_on_plateau").factory(monitor="val/loss")

        assert SchedulerBundle({"a": plateau, "b": plateau}).monitors == ("val/loss", "val/loss")
