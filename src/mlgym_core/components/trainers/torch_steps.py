"""One step of training: the gradients of a group of batches, clipped and scaled as asked, and then the optimizers.

Owns what happens between the outputs of the loader and a change of the parameters. It knows no epoch, no schedule and
no file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_, clip_grad_value_
from torch.optim import LBFGS, Optimizer

from mlgym_core.components.data.nests import count_samples
from mlgym_core.components.losses import Loss
from mlgym_core.components.trainers.loss_watch import LossWatch, OnNonfinite
from mlgym_core.errors import BuildError

Precision: TypeAlias = Literal["float32", "bfloat16", "float16"]
Forward: TypeAlias = Callable[[Any], Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSettings:
    """How steps are taken."""

    accumulate: int = 1
    clip_norm: float | None = None
    clip_value: float | None = None
    precision: Precision = "float32"
    on_nonfinite: OnNonfinite = "stop"

    @property
    def is_plain(self) -> bool:
        """Whether every batch is a step, taken with the gradient as it is."""
        return self.accumulate == 1 and self.precision == "float32" and not (self.clip_norm or self.clip_value)


class Steps(Protocol):
    """What the trainer asks for each batch, and at the end of each group of them."""

    def add(self, inputs: Any, targets: Any, batch: int) -> None:
        """Take the gradient of one more batch."""
        ...

    def finish(self) -> None:
        """Change the parameters by the gradient of all batches since the last change."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What the steps go on from beside parameters and optimizers; empty where there is nothing."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        ...


def make_steps(
    *,
    forward: Forward,
    loss: Loss,
    parameters: Sequence[nn.Parameter],
    optimizers: Sequence[Optimizer],
    settings: StepSettings,
    watch: LossWatch,
    device: torch.device,
) -> Steps:
    """The steps that these optimizers take. Raises BuildError where an optimizer cannot be had with such settings."""
    if any(isinstance(each, LBFGS) for each in optimizers):
        check_searching(settings)
        return SearchingSteps(forward=forward, loss=loss, optimizer=optimizers[0], watch=watch)
    return GradientSteps(
        forward=forward,
        loss=loss,
        parameters=parameters,
        optimizers=optimizers,
        settings=settings,
        watch=watch,
        device=device,
    )


def check_searching(settings: StepSettings) -> None:
    """Raises BuildError where the settings are more than an optimizer can do that evaluates the loss on its own."""
    if not settings.is_plain or settings.on_nonfinite == "skip":
        raise BuildError(
            "LBFGS evaluates the loss as often as it likes: it cannot accumulate, clip, skip or use another precision",
            code="MG342",
            hint="leave these settings of the trainer out, or take another optimizer",
        )


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[Any] | None:
    """What computes in `precision` where that is safe; None where all is float32."""
    return None if precision == "float32" else torch.autocast(device.type, dtype=getattr(torch, precision))


class GradientSteps:
    """Steps along the mean gradient over all samples of a group of batches."""

    def __init__(
        self,
        *,
        forward: Forward,
        loss: Loss,
        parameters: Sequence[nn.Parameter],
        optimizers: Sequence[Optimizer],
        settings: StepSettings,
        watch: LossWatch,
        device: torch.device,
    ) -> None:
        self._forward = forward
        self._loss = loss
        self._parameters = parameters
        self._optimizers = optimizers
        self._watch = watch
        self._settings = settings
        self._clips = settings.clip_norm is not None or settings.clip_value is not None
        self._autocast = autocast(settings.precision, device)
        self._scaler = torch.amp.GradScaler(device.type) if settings.precision == "float16" else None
        self._shares = _Shares(settings.accumulate) if settings.accumulate > 1 and not _is_sum(loss) else None
        # Whether a step is to be left out is not asked of a device that one would have to wait for.
        self._suspects: list[Tensor] | None = [] if settings.on_nonfinite == "skip" and device.type != "cpu" else None
        self._is_spoilt = False

    def add(self, inputs: Any, targets: Any, batch: int) -> None:
        """Take the gradient of one more batch."""
        if self._autocast is None:
            loss = self._loss(self._forward(inputs), targets)
        else:
            with self._autocast:
                loss = self._loss(self._forward(inputs), targets)
        if not self._watch.see(loss, batch):
            self._is_spoilt = True
            return
        if self._suspects is not None:
            self._suspects.append(loss.detach())
        if self._shares is not None:
            loss = loss * self._shares.take(count_samples(targets) or count_samples(inputs) or 1)
        torch.autograd.backward(loss if self._scaler is None else self._scaler.scale(loss))

    def finish(self) -> None:
        """Change the parameters; not, where a loss of the group was not finite and such steps are to be left out."""
        if self._suspects:
            self._leave_to_device(self._suspects)
        if self._is_spoilt:
            # An optimizer changes nothing where there is no gradient, but its schedule sees that it was asked.
            self._clear()
            self._is_spoilt = False
            for optimizer in self._optimizers:
                optimizer.step()
        elif self._scaler is not None:
            self._step_scaled(self._scaler)
        else:
            self._shape_gradients()
            for optimizer in self._optimizers:
                optimizer.step()
        if self._shares is not None:
            self._shares.clear()
        self._clear()

    def state_dict(self) -> dict[str, Any]:
        """The gradient scaler's, where there is one."""
        return {} if self._scaler is None else self._scaler.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        if self._scaler is not None:
            self._scaler.load_state_dict(dict(state))

    def _step_scaled(self, scaler: torch.amp.GradScaler) -> None:
        if self._clips:
            for optimizer in self._optimizers:
                scaler.unscale_(optimizer)
        self._shape_gradients()
        for optimizer in self._optimizers:
            scaler.step(optimizer)
        scaler.update()

    def _shape_gradients(self) -> None:
        """What is done to gradients before a step; most settings ask for nothing."""
        if self._shares is not None and self._shares.rest != 1.0:
            for parameter in self._parameters:
                if parameter.grad is not None:
                    parameter.grad.mul_(self._shares.rest)
        if self._settings.clip_value is not None:
            clip_grad_value_(self._parameters, self._settings.clip_value)
        if self._settings.clip_norm is not None:
            clip_grad_norm_(self._parameters, self._settings.clip_norm)

    def _leave_to_device(self, suspects: list[Tensor]) -> None:
        """Let fused optimizers find out on the device whether to leave the step out; others have to wait for it."""
        is_spoilt = torch.stack([loss.reshape(()) for loss in suspects]).isfinite().all().logical_not()
        suspects.clear()
        are_fused = all(getattr(each, "_step_supports_amp_scaling", False) for each in self._optimizers)
        if are_fused and self._scaler is None:
            for optimizer in self._optimizers:
                vars(optimizer).update(grad_scale=None, found_inf=is_spoilt.float())
        else:
            self._is_spoilt = bool(is_spoilt)

    def _clear(self) -> None:
        # What zero_grad(set_to_none=True) does, without the profiler's bookkeeping around it.
        for parameter in self._parameters:
            parameter.grad = None


class SearchingSteps:
    """Steps of an optimizer that evaluates the loss of a batch as often as it likes."""

    def __init__(self, *, forward: Forward, loss: Loss, optimizer: Optimizer, watch: LossWatch) -> None:
        self._forward = forward
        self._loss = loss
        self._optimizer = optimizer
        self._watch = watch
        self._batch: tuple[Any, Any, int]

    def add(self, inputs: Any, targets: Any, batch: int) -> None:
        """Take note of the batch."""
        self._batch = (inputs, targets, batch)

    def finish(self) -> None:
        """Change the parameters."""
        inputs, targets, batch = self._batch

        def evaluate() -> Tensor:
            self._optimizer.zero_grad()
            loss = self._loss(self._forward(inputs), targets)
            self._watch.see(loss, batch)
            torch.autograd.backward(loss)
            return loss

        self._optimizer.step(evaluate)  # type: ignore[arg-type]  # torch says float, and takes tensors

    def state_dict(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """There is nothing to go on from."""


class _Shares:
    """What each batch of a group counts, so that the gradients add up to the mean over all of its samples.

    How many samples a group has is not known before its end: each batch counts as if the group were full and its
    batches as large as the first, and what that is wrong by is `rest`, 1 for all but the last groups of an epoch.
    """

    def __init__(self, num_batches: int) -> None:
        self._num_batches = num_batches
        self._expected = 0
        self._num_samples = 0

    def take(self, num_samples: int) -> float:
        """The share of the next batch."""
        self._expected = self._expected or num_samples * self._num_batches
        self._num_samples += num_samples
        return num_samples / self._expected

    @property
    def rest(self) -> float:
        """What the gradients are still to be multiplied by."""
        return self._expected / self._num_samples

    def clear(self) -> None:
        """Begin another group."""
        self._expected = self._num_samples = 0


def _is_sum(loss: Loss) -> bool:
    """Whether a loss is a sum over samples and not their mean; then gradients of batches just add up."""
    inner: Iterable[nn.Module] = loss.modules() if isinstance(loss, nn.Module) else ()
    return any(getattr(each, "reduction", None) == "sum" for each in inner)
