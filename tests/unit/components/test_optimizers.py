import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler as torch_schedulers

from mlgym_core.checkpoints import serialize
from mlgym_core.components.lr_schedulers import LRSchedulers
from mlgym_core.components.optimizers import Optimizers
from mlgym_core.errors import BuildError


def optimizer(name: str, model: nn.Module, **arguments) -> torch.optim.Optimizer:
    component = Optimizers().find(name)
    defaults = {each.name: each.default for each in component.parameters if not each.required}
    return component.factory(**(defaults | arguments))(model.parameters())


def scheduler(name: str, **arguments):
    return LRSchedulers().find(name).factory(**arguments)


def rates(factory, num_steps: int) -> list[float]:
    """The learning rate in each epoch."""
    sgd = optimizer("sgd", nn.Linear(1, 1), lr=1.0)
    steps = factory(sgd)
    found = []
    for _ in range(num_steps):
        found.append(sgd.param_groups[0]["lr"])
        sgd.step()
        steps.after_epoch({})
    return found


SETTINGS = {
    "chained_scheduler": {"schedulers": [scheduler("exponential", gamma=0.9), scheduler("step", step_size=3)]},
    "cosine_annealing_lr": {"T_max": 5},
    "cosine_annealing_warm_restarts": {"T_0": 3},
    "cyclic_lr": {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 3, "scale_mode": "cycle"},
    "exponential_lr": {"gamma": 0.9},
    "multi_step_lr": {"milestones": [1, 7]},
    "one_cycle_lr": {"max_lr": 0.1, "total_steps": 20},
    "reduce_lr_on_plateau": {"patience": 1},
    "sequential_lr": {
        "schedulers": [scheduler("linear", total_iters=3), scheduler("exponential", gamma=0.5)],
        "milestones": [4],
    },
    "step_lr": {"step_size": 2},
}


class TestOptimizers:
    def test_every_optimizer_of_torch_is_found_in_any_case(self) -> None:
        assert {"adam", "adamw", "sgd", "rmsprop", "lbfgs"} <= set(Optimizers().names())
        assert {Optimizers().find(name).name for name in ("adam", "Adam", "ADAM")} == {"adam"}
        assert Optimizers().find("adma") is None

    def test_every_optimizer_shows_arguments_that_a_configuration_can_hold(self) -> None:
        for name in Optimizers().names():
            component = Optimizers().find(name)
            assert "params" not in {each.name for each in component.parameters}
            assert all("Tensor" not in str(each.annotation) for each in component.parameters)

    @pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "adagrad"])
    def test_an_optimizer_is_fused_where_it_can_be(self, name: str) -> None:
        component = Optimizers().find(name)

        assert component.parameter("fused").default is True
        assert optimizer(name, nn.Linear(1, 1)).param_groups[0]["fused"] is True

    def test_one_without_a_fused_kernel_does_not_offer_it(self) -> None:
        assert Optimizers().find("rprop").parameter("fused") is None

    def test_it_gets_its_arguments_and_the_model_s_parameters(self) -> None:
        model = nn.Linear(2, 3)
        built = optimizer("Adam", model, lr=0.5, betas=(0.5, 0.6))

        assert isinstance(built, torch.optim.Adam)
        assert built.param_groups[0]["params"] == list(model.parameters())
        assert (built.param_groups[0]["lr"], built.param_groups[0]["betas"]) == (0.5, (0.5, 0.6))


class TestSchedulers:
    @pytest.mark.parametrize("name", ["exponential", "exponential_lr", "ExponentialLR"])
    def test_a_scheduler_has_several_spellings(self, name: str) -> None:
        assert LRSchedulers().find(name).name == "exponential_lr"

    def test_every_scheduler_of_torch_is_found_but_those_that_take_functions(self) -> None:
        found = {LRSchedulers().find(name).title for name in LRSchedulers().names()}

        assert found == set(torch_schedulers.__all__) - {"LRScheduler", "LambdaLR", "MultiplicativeLR"}
        assert all(LRSchedulers().find(name).name == name for name in LRSchedulers().names())
        assert LRSchedulers().find("lambda") is None

    def test_it_steps_after_an_epoch(self) -> None:
        assert rates(scheduler("exponential", gamma=0.5), 4) == [1.0, 0.5, 0.25, 0.125]

    def test_one_that_steps_after_a_batch_does_not_step_after_an_epoch(self) -> None:
        factory = scheduler("exponential", gamma=0.5, interval="step")

        assert factory(optimizer("sgd", nn.Linear(1, 1))).steps_per_batch
        assert rates(factory, 3) == [1.0, 1.0, 1.0]

    def test_schedulers_follow_one_another(self) -> None:
        warm_up = scheduler("constant", factor=0.1, total_iters=2)
        decay = scheduler("exponential", gamma=0.5)

        found = rates(scheduler("sequential", schedulers=[warm_up, decay], milestones=[2]), 5)

        assert found == pytest.approx([0.1, 0.1, 1.0, 0.5, 0.25])

    def test_a_plateau_is_seen_in_the_monitored_score(self) -> None:
        sgd = optimizer("sgd", nn.Linear(1, 1), lr=1.0)
        plateau = scheduler("reduce_lr_on_plateau", monitor="val/loss", patience=0)(sgd)

        for loss in (1.0, 0.5, 0.5):
            plateau.after_epoch({"val/loss": loss, "val/f1": 0.0})

        assert sgd.param_groups[0]["lr"] == pytest.approx(0.1)
        with pytest.raises(BuildError, match=r"monitors 'val/loss', which is no score\s+there are: val/f1"):
            plateau.after_epoch({"val/f1": 0.0})

    def test_it_needs_a_score_to_monitor_and_no_interval(self) -> None:
        component = LRSchedulers().find("ReduceLROnPlateau")

        assert component.parameter("monitor").required
        assert component.parameter("interval") is None

    @pytest.mark.parametrize(
        ("name", "arguments"),
        [("step", {"step_size": 2}), ("multi_step", {"milestones": [1, 3]}), ("cosine_annealing", {"T_max": 5})],
    )
    def test_it_goes_on_from_its_state(self, name: str, arguments) -> None:
        whole = rates(scheduler(name, **arguments), 6)
        sgd = optimizer("sgd", nn.Linear(1, 1), lr=1.0)
        before = scheduler(name, **arguments)(sgd)
        for _ in range(3):
            sgd.step()
            before.after_epoch({})

        after = scheduler(name, **arguments)(sgd)
        after.load_state_dict(before.state_dict())
        sgd.param_groups[0]["lr"] = whole[3]
        found = []
        for _ in range(3):
            found.append(sgd.param_groups[0]["lr"])
            sgd.step()
            after.after_epoch({})

        assert found == whole[3:]
        assert isinstance(scheduler(name, **arguments).make(sgd), torch_schedulers.LRScheduler)

    @pytest.mark.parametrize("name", LRSchedulers().names())
    def test_each_goes_on_after_a_batch_from_what_is_in_a_checkpoint(self, name: str) -> None:
        def begin():
            sgd = optimizer("sgd", nn.Linear(1, 1), lr=0.1, momentum=0.9)
            return sgd, scheduler(name, **(SETTINGS.get(name, {}) | when))(sgd)

        def go_on(sgd, schedule, num_steps: int) -> list[tuple[float, float]]:
            found = []
            for step in range(num_steps):
                sgd.step()
                schedule.after_batch() if "interval" in when else schedule.after_epoch({"val/loss": step % 3})
                found.append((sgd.param_groups[0]["lr"], sgd.param_groups[0]["momentum"]))
            return found

        when = {"monitor": "val/loss"} if name == "reduce_lr_on_plateau" else {"interval": "step"}
        sgd, schedule = begin()
        go_on(sgd, schedule, 6)
        kept = serialize.dump_state(sgd.state_dict()), serialize.dump_json(schedule.state_dict())
        other, other_schedule = begin()
        other.load_state_dict(serialize.load_state(kept[0]))
        other_schedule.load_state_dict(serialize.load_json(kept[1]))

        assert go_on(other, other_schedule, 6) == go_on(sgd, schedule, 6)
