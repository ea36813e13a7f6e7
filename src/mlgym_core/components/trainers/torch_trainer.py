"""Training a torch model by gradient steps.

Owns the step and all that it changes: model, optimizer, scheduler, count of steps. It knows neither epochs before and
after its own nor scores, files and events.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Annotated, Any

import torch
from torch import Tensor, nn
from torch.optim import LBFGS, Optimizer

from mlgym_core.checkpoints import serialize
from mlgym_core.checkpoints.protocols import Frozen
from mlgym_core.components.data.loaders import Loader
from mlgym_core.components.losses import Loss, output_scale
from mlgym_core.components.lr_schedulers import Scheduler, SchedulerFactory
from mlgym_core.components.optimizers import OptimizerFactory
from mlgym_core.components.outputs import Scale
from mlgym_core.errors import BuildError
from mlgym_core.registry import Slot, default_registry, register

MODEL, OPTIMIZER, LR_SCHEDULER = "model.safetensors", "optimizer.safetensors", "lr_scheduler.json"

_MISFITS = (RuntimeError, ValueError, TypeError, IndexError)
"""What torch raises where shapes or types do not fit each other."""


@register("trainer", "torch")
class TorchTrainer:
    """Steps of a torch optimizer over the batches of one split.

    Args:
        split: The split to train on.
    """

    def __init__(
        self,
        model: Annotated[nn.Module, Slot("model")],
        loss: Annotated[Loss, Slot("loss")],
        optimizer: Annotated[OptimizerFactory, Slot("optimizer")],
        loaders: Annotated[Mapping[str, Loader], Slot("loaders")],
        lr_scheduler: Annotated[SchedulerFactory | None, Slot("lr_scheduler")] = None,
        split: str = "train",
    ) -> None:
        if split not in loaders:
            raise BuildError(
                f"the trainer wants the split '{split}'", code="MG315", hint=f"there are: {', '.join(loaders)}"
            )
        if loaders[split].num_batches == 0:
            raise BuildError(
                f"drop_last leaves no batch of the split '{split}' to train on",
                code="MG314",
                hint="a smaller batch_size, or drop_last: false",
            )
        self.split = split
        self.step = 0
        self._model = model
        self._loss = loss
        self._make_optimizer = optimizer
        self._make_scheduler = lr_scheduler
        self._loader = loaders[split]
        self._optimizer: Optimizer
        self._scheduler: Scheduler | None = None
        self._parameters: list[nn.Parameter] = []

    @property
    def num_batches(self) -> int:
        """Batches, and so steps, of an epoch."""
        return self._loader.num_batches

    @property
    def output_scale(self) -> Scale:
        """What the model's raw outputs are, by the loss that it is trained with."""
        return output_scale(self._loss)

    def prepare(self, device: torch.device) -> None:
        """Move model, loss and data to `device` and make the optimizer; call it once, before all else."""
        self._model.to(device)
        if isinstance(self._loss, nn.Module):
            self._loss.to(device)
        self._loader.to(device)
        self._parameters = list(self._model.parameters())
        self._optimizer = self._make_optimizer(self._parameters)
        self._scheduler = self._make_scheduler(self._optimizer) if self._make_scheduler else None

    def train_epoch(self, epoch: int, first_batch: int = 0) -> Iterator[int]:
        """The batches of a pass over the split, from `first_batch` on, each when its step is done."""
        self._model.train()
        take_step = self._step_with_closure if isinstance(self._optimizer, LBFGS) else self._step
        after_batch = self._scheduler.after_batch if self._scheduler and self._scheduler.steps_per_batch else None
        for batch, (inputs, targets) in enumerate(self._loader.epoch(epoch, first_batch), first_batch):
            take_step(inputs, targets)
            if after_batch is not None:
                after_batch()
            self.step += 1
            yield batch

    def finish_epoch(self, scores: Mapping[str, float]) -> None:
        """Let the scheduler see the scores of the epoch."""
        if self._scheduler is not None:
            self._scheduler.after_epoch(scores)

    def predict(self, inputs: Any) -> Tensor:
        """The model's raw outputs [N, ...] for a batch of inputs on its device."""
        if self._model.training:
            self._model.eval()
        with torch.inference_mode():
            outputs: Tensor = self._model(inputs)
        return outputs

    def rehearse(self, num_samples: int) -> tuple[Tensor, Tensor]:
        """Raw outputs and targets of one step on a copy of the model; nothing of its own changes.

        Raises:
            BuildError: the model does not fit the data, the loss or the optimizer.
        """
        inputs, targets = self._loader.sample(num_samples)
        model = copy.deepcopy(self._model).train()
        title, shape = type(model).__name__, _shape_of(inputs)
        try:
            outputs: Tensor = model(inputs)
        except _MISFITS as error:
            raise BuildError(f"model {title} does not take inputs of shape {shape}: {error}", code="MG320") from error
        try:
            torch.autograd.backward(self._loss(outputs, targets))
        except (*_MISFITS, BuildError) as error:
            raise BuildError(
                f"the loss does not fit outputs of model {title} of shape {_shape_of(outputs)} and targets of shape "
                f"{_shape_of(targets)} and type {targets.dtype}: {_plain(error)}",
                code="MG321",
            ) from error
        self._rehearse_optimizer(model)
        return outputs.detach(), targets

    def resources(self) -> dict[str, Frozen]:
        """All that training goes on from, as files by name."""
        files = {
            MODEL: serialize.dump_tensors(self._model.state_dict()),
            OPTIMIZER: serialize.dump_state(self._optimizer.state_dict()),
        }
        if self._scheduler is not None:
            files[LR_SCHEDULER] = serialize.dump_json(self._scheduler.state_dict())
        return {name: partial(_identity, content) for name, content in files.items()}

    def load_resources(self, load: Callable[[str], bytes]) -> None:
        """Go on from the files that `resources` gave; `load` reads one by name."""
        self._model.load_state_dict(serialize.load_tensors(load(MODEL)))
        self._optimizer.load_state_dict(serialize.load_state(load(OPTIMIZER)))
        if self._scheduler is not None:
            self._scheduler.load_state_dict(serialize.load_json(load(LR_SCHEDULER)))

    def _step(self, inputs: Any, targets: Tensor) -> None:
        # What zero_grad(set_to_none=True) does, without the profiler's bookkeeping around it.
        for parameter in self._parameters:
            parameter.grad = None
        torch.autograd.backward(self._loss(self._model(inputs), targets))
        self._optimizer.step()

    def _step_with_closure(self, inputs: Any, targets: Tensor) -> None:
        def evaluate() -> Tensor:
            self._optimizer.zero_grad()
            loss = self._loss(self._model(inputs), targets)
            torch.autograd.backward(loss)
            return loss

        self._optimizer.step(evaluate)  # type: ignore[arg-type]

    def _rehearse_optimizer(self, model: nn.Module) -> None:
        try:
            optimizer = self._make_optimizer(model.parameters())
            optimizer.step((lambda: torch.zeros(())) if isinstance(optimizer, LBFGS) else None)  # type: ignore[arg-type]
            if self._make_scheduler is not None:
                self._make_scheduler(optimizer)
        except _MISFITS as error:
            raise BuildError(
                f"the optimizer or its scheduler does not fit model {type(model).__name__}: {error}", code="MG322"
            ) from error


def _identity(content: bytes) -> bytes:
    return content


def _shape_of(value: Any) -> Any:
    if isinstance(value, Tensor):
        return list(value.shape)
    if isinstance(value, Mapping):
        return {key: _shape_of(item) for key, item in value.items()}
    return [_shape_of(item) for item in value] if isinstance(value, Iterable) else type(value).__name__


def _plain(error: Exception) -> str:
    return error.message if isinstance(error, BuildError) else str(error)


default_registry.set_default("trainer", "torch")
