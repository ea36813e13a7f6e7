from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from torch import nn

from mlgym_core.components.data.loaders import batches
from mlgym_core.components.losses.warm_up import WarmUp
from mlgym_core.components.trainers.loss_watch import LossWatch
from mlgym_core.components.trainers.torch_steps import GradientSteps, StepSettings
from mlgym_core.errors import BuildError, RunError

from .conftest import CPU, DATA, made

sgd = lambda parameters: torch.optim.SGD(parameters, lr=0.1)  # noqa: E731


def linear() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(4, 3)


def trained(make_trainer, **settings) -> nn.Linear:
    """What an epoch makes of a model; samples come in the order of the data."""
    model = linear()
    size = settings.pop("batch_size", 4)
    loaders = batches({"train": DATA}, size, 0, sampling={"train": "in_order"})
    list(make_trainer(settings.pop("optimizer", sgd), model=model, loaders=loaders, **settings).train_epoch(0))
    return model


class TestAccumulation:
    @pytest.mark.parametrize("num_batches", [2, 3, 5, 8, 20])
    def test_a_step_takes_the_mean_over_all_samples_of_its_batches(self, make_trainer, num_batches: int) -> None:
        whole = trained(make_trainer, batch_size=4 * num_batches)
        in_parts = trained(make_trainer, accumulate=num_batches)

        assert torch.allclose(in_parts.weight, whole.weight, atol=1e-6)
        assert not torch.allclose(in_parts.weight, linear().weight, atol=1e-3)

    def test_gradients_of_a_sum_over_samples_just_add_up(self, make_trainer) -> None:
        loss = nn.CrossEntropyLoss(reduction="sum")
        whole = trained(make_trainer, loss=loss, batch_size=12)
        in_parts = trained(make_trainer, loss=loss, accumulate=3)

        assert torch.allclose(in_parts.weight, whole.weight, atol=1e-4)

    def test_steps_are_counted_and_the_last_batch_of_each_is_given(self, make_trainer) -> None:
        trainer = make_trainer(accumulate=3)

        assert list(trainer.train_epoch(0)) == [2, 5, 7]
        assert trainer.step == 3
        assert list(trainer.train_epoch(1, first_batch=6)) == [7]


class TestClipping:
    def test_the_gradient_of_all_parameters_is_shortened_together(self, make_trainer) -> None:
        first = linear()
        one_step = trained(make_trainer, batch_size=30, clip_norm=0.01)

        change = torch.cat(
            [(each - old).flatten() for each, old in zip(one_step.parameters(), first.parameters(), strict=True)]
        )
        assert change.norm().item() == pytest.approx(0.1 * 0.01, rel=1e-3)

    def test_each_number_of_it_is_cut(self, make_trainer) -> None:
        one_step = trained(make_trainer, batch_size=30, clip_value=1e-4)

        assert (one_step.weight - linear().weight).abs().max().item() == pytest.approx(0.1 * 1e-4, rel=1e-2)

    def test_a_limit_that_is_not_reached_changes_no_bit(self, make_trainer) -> None:
        assert torch.equal(trained(make_trainer, clip_value=1e6).weight, trained(make_trainer).weight)


class TestPrecision:
    @pytest.mark.parametrize(("precision", "dtype"), [("bfloat16", torch.bfloat16), ("float16", torch.float16)])
    def test_the_model_computes_in_it_and_learns_in_float32(self, make_trainer, precision: str, dtype) -> None:
        seen = []
        model = linear()
        model.register_forward_hook(lambda module, inputs, outputs: seen.append(outputs.dtype))
        trainer = make_trainer(model=model, precision=precision)

        list(trainer.train_epoch(0))

        assert set(seen) == {dtype}
        assert model.weight.dtype == torch.float32
        assert trainer.predict(DATA.inputs).dtype == torch.float32

    def test_gradients_of_float16_are_scaled_as_the_checkpoint_says(self, make_trainer) -> None:
        trainer = make_trainer(precision="float16")
        list(trainer.train_epoch(0))

        assert "gradient_scaler.json" in made(trainer)
        assert "gradient_scaler.json" not in made(make_trainer(precision="bfloat16"))

    @pytest.mark.parametrize("optimizer", [sgd, torch.optim.Adam, partial(torch.optim.Adam, fused=True)])
    def test_a_step_whose_scaled_gradients_overflow_is_left_out(self, make_trainer, optimizer) -> None:
        model = linear()
        trainer = make_trainer(optimizer, model=model, precision="float16")
        trainer.load_resources({**made(trainer), "gradient_scaler.json": _scaler_state(2.0**120)}.__getitem__)
        before = model.weight.clone()

        list(trainer.train_epoch(0))

        assert torch.equal(model.weight, before)
        assert b"6.64613997892458e+35" not in made(trainer)["gradient_scaler.json"]


def _scaler_state(scale: float) -> bytes:
    return b'{"scale":%r,"growth_factor":2.0,"backoff_factor":0.5,"growth_interval":2000,"_growth_tracker":0}'.replace(
        b"%r", repr(scale).encode()
    )


class Broken(nn.Module):
    """A cross entropy that is not a number in some batches, as they are counted in training."""

    def __init__(self, *batches: int, value: float = math.nan) -> None:
        super().__init__()
        self.batches = batches
        self.value = value
        self.num_seen = 0

    def forward(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        loss = nn.functional.cross_entropy(outputs, targets)
        self.num_seen += 1
        return loss * self.value if self.num_seen - 1 in self.batches else loss


class TestLossesThatAreNotFinite:
    def test_training_stops_and_says_where_and_what_to_do(self, make_trainer) -> None:
        trainer = make_trainer(loss=Broken(5, value=math.inf))
        batches = trainer.train_epoch(2)

        assert [next(batches) for _ in range(5)] == [0, 1, 2, 3, 4]
        with pytest.raises(RunError, match="the loss of batch 5 of epoch 2 is inf") as info:
            next(batches)
        assert info.value.code == "MG343"
        assert "on_nonfinite" in str(info.value.hint)

    def test_the_step_is_left_out_where_it_should_be(self, make_trainer) -> None:
        model = linear()
        trainer = make_trainer(model=model, loss=Broken(0, 1, 2, 4), on_nonfinite="skip")
        before, changed = model.weight.clone(), []

        for _ in trainer.train_epoch(0):
            changed.append(not torch.equal(model.weight, before))
            before = model.weight.clone()

        assert changed == [False, False, False, True, False, True, True, True]
        assert trainer.step == 8
        assert trainer.take_notices() == [
            f"the loss of batch {batch} of epoch 0 is nan; its step was left out" for batch in (0, 1, 2, 4)
        ]
        assert trainer.take_notices() == []

    def test_a_whole_group_is_left_out_for_one_of_its_batches(self, make_trainer) -> None:
        model = linear()
        trainer = make_trainer(model=model, loss=Broken(1), on_nonfinite="skip", accumulate=4)
        before = model.weight.clone()

        steps = trainer.train_epoch(0)

        assert (next(steps), torch.equal(model.weight, before)) == (3, True)
        assert (next(steps), torch.equal(model.weight, before)) == (7, False)

    def test_training_goes_on_where_it_should(self, make_trainer) -> None:
        model = linear()
        trainer = make_trainer(model=model, loss=Broken(5), on_nonfinite="continue")

        list(trainer.train_epoch(0))

        assert model.weight.isnan().all()
        assert trainer.take_notices() == [
            f"the loss of batch {batch} of epoch 0 is nan; training goes on with it" for batch in (5, 6, 7)
        ]

    @pytest.mark.parametrize("precision", ["float16", "bfloat16"])
    def test_a_step_is_left_out_in_other_precisions(self, make_trainer, precision: str) -> None:
        model = linear()
        trainer = make_trainer(model=model, loss=Broken(0), on_nonfinite="skip", precision=precision)
        before = model.weight.clone()

        assert (next(trainer.train_epoch(0)), torch.equal(model.weight, before)) == (0, True)

    def test_a_schedule_sees_a_step_that_was_left_out(self, make_trainer, recwarn) -> None:
        from mlgym_core.components.lr_schedulers import LRSchedulers

        schedule = LRSchedulers().find("exponential").factory(gamma=0.5, interval="step")
        trainer = make_trainer(loss=Broken(0), on_nonfinite="skip", lr_scheduler=schedule)

        list(trainer.train_epoch(0))

        assert not recwarn.list


class TestDeferredLooking:
    """As on devices that one would have to wait for; the tensors are the CPU's, whose fused kernels do the same."""

    def steps(self, model: nn.Module, optimizer: torch.optim.Optimizer, loss: nn.Module) -> GradientSteps:
        made = GradientSteps(
            forward=model,
            loss=loss,
            parameters=list(model.parameters()),
            optimizers=[optimizer],
            settings=StepSettings(on_nonfinite="skip"),
            watch=LossWatch("skip", is_deferred=True),
            device=CPU,
        )
        made._suspects = []
        return made

    @pytest.mark.parametrize("fused", [True, False])
    def test_a_step_is_left_out(self, fused: bool) -> None:
        model = linear()
        steps = self.steps(model, torch.optim.Adam(model.parameters(), fused=fused), Broken(1))
        changed, before = [], model.weight.clone()
        for batch in range(3):
            steps.add(DATA.inputs, DATA.targets, batch)
            steps.finish()
            changed.append(not torch.equal(before, model.weight))
            before = model.weight.clone()

        assert changed == [True, False, True]
        assert model.weight.isfinite().all()

    def test_losses_are_looked_at_together_and_named_one_by_one(self) -> None:
        watch = LossWatch("continue", is_deferred=True)
        watch.begin(4)
        for batch in range(70):
            assert watch.see(torch.tensor(math.nan if batch in (3, 68) else 1.0), batch)

        assert watch.take_notices() == ["the loss of batch 3 of epoch 4 is nan; training goes on with it"]
        watch.end()
        assert watch.take_notices() == ["the loss of batch 68 of epoch 4 is nan; training goes on with it"]

    def test_of_very_many_their_number_is_told(self) -> None:
        watch = LossWatch("continue", is_deferred=False)
        watch.begin(0)
        for batch in range(30):
            watch.see(torch.tensor(math.inf), batch)
        watch.end()

        told = watch.take_notices()
        assert len(told) == 11
        assert told[-1] == "the loss of 30 batches of epoch 0 was not finite"

    def test_nothing_is_saved_before_they_were_looked_at(self) -> None:
        watch = LossWatch("stop", is_deferred=True)
        watch.see(torch.tensor(math.nan), 0)

        with pytest.raises(RunError, match="batch 0"):
            watch.settle()


def test_an_optimizer_that_searches_refuses_what_it_cannot_do(make_trainer) -> None:
    for settings in ({"accumulate": 2}, {"clip_norm": 1.0}, {"precision": "float16"}, {"on_nonfinite": "skip"}):
        with pytest.raises(BuildError, match="LBFGS evaluates the loss as often as it likes"):
            make_trainer(torch.optim.LBFGS, **settings)


def test_a_loss_that_warms_up_is_told_the_step(make_trainer) -> None:
    loss = WarmUp(nn.CrossEntropyLoss(), steps=100)
    trainer = make_trainer(loss=loss, accumulate=2)
    seen = []

    for _ in trainer.train_epoch(0):
        seen.append(loss.step)

    assert seen == [0, 1, 2, 3]
    assert loss.step is None


def test_a_part_of_a_loss_that_is_held_fixed_stays_so(make_trainer) -> None:
    loss = nn.Sequential(nn.Dropout(0.5)).eval()
    loss.forward = lambda outputs, targets: nn.functional.cross_entropy(outputs, targets)

    list(make_trainer(loss=loss).train_epoch(0))

    assert not loss[0].training
