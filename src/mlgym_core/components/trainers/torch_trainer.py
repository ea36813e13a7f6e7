"""Training a torch model by gradient steps.

Owns the order of batches, steps and schedules within an epoch, and what all of it goes on from. How a step is taken is
`torch_steps`'. It knows neither epochs before and after its own nor scores, files and events.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from typing import Annotated, Any

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.optim import LBFGS, Optimizer

from mlgym_core.checkpoints import serialize
from mlgym_core.checkpoints.buffers import HostBuffers
from mlgym_core.checkpoints.contents import Frozen
from mlgym_core.checkpoints.fitting import read_whole
from mlgym_core.components.data.loaders import Loader
from mlgym_core.components.data.nests import map_tensors, shape_of
from mlgym_core.components.losses import Loss, output_scale
from mlgym_core.components.losses.warm_up import WarmUp, warm_ups
from mlgym_core.components.lr_schedulers import Scheduler, SchedulerBundle, SchedulerFactory, make_schedulers
from mlgym_core.components.outputs import Scale, in_single
from mlgym_core.components.parameter_groups import OptimizerBundle, OptimizerFactory, make_optimizers
from mlgym_core.components.trainers import torch_state
from mlgym_core.components.trainers.compiling import Compile, CompiledModel
from mlgym_core.components.trainers.loss_watch import LossWatch, OnNonfinite
from mlgym_core.components.trainers.memory import note_batch
from mlgym_core.components.trainers.splits import check_batches, training_loader
from mlgym_core.components.trainers.torch_state import GRADIENT_SCALER, LOSS, LR_SCHEDULER, MODEL, OPTIMIZER
from mlgym_core.components.trainers.torch_steps import (
    Precision,
    Steps,
    StepSettings,
    autocast,
    check_searching,
    make_steps,
)
from mlgym_core.errors import BuildError
from mlgym_core.registry import Slot, default_registry, register

_MISFITS = (RuntimeError, ValueError, TypeError, IndexError)
"""What torch raises where shapes or types do not fit each other."""
_CPU = torch.device("cpu")


@register("trainer", "torch")
class TorchTrainer:
    """Steps of torch optimizers over the batches of one split.

    Args:
        split: The split to train on.
        accumulate: The gradient of so many batches is one step: the mean over all of their samples.
        clip_norm: Shorten the gradient of all parameters together to this length where it is longer.
        clip_value: Cut each number of the gradient to this size, before `clip_norm`.
        precision: What the model computes in where that is safe; with float16 the gradients are scaled. Parameters
            stay float32.
        compile: Let torch.compile make the model faster for training; it needs a C++ compiler.
        on_nonfinite: What becomes of a loss that is infinite or not a number: the experiment stops, the step is left
            out, or training continues with it. Each is told as a warning.
    """

    def __init__(
        self,
        model: Annotated[nn.Module, Slot("model")],
        loss: Annotated[Loss, Slot("loss")],
        optimizer: Annotated[OptimizerFactory | OptimizerBundle, Slot("optimizer")],
        loaders: Annotated[Mapping[str, Loader], Slot("loaders")],
        lr_scheduler: Annotated[SchedulerFactory | SchedulerBundle | None, Slot("lr_scheduler")] = None,
        split: str = "train",
        accumulate: PositiveInt = 1,
        clip_norm: PositiveFloat | None = None,
        clip_value: PositiveFloat | None = None,
        precision: Precision = "float32",
        compile: Compile = False,
        on_nonfinite: OnNonfinite = "stop",
    ) -> None:
        loader = training_loader(loaders, split)
        check_batches(loader, split)
        self.split = split
        self.step = 0
        self._model = model
        self._loss = loss
        self._make_optimizers = optimizer
        self._make_schedulers = lr_scheduler
        self._loader = loader
        self._settings = StepSettings(
            accumulate=accumulate,
            clip_norm=clip_norm,
            clip_value=clip_value,
            precision=precision,
            on_nonfinite=on_nonfinite,
        )
        self._compile = compile
        self._optimizers: dict[str, Optimizer] = {}
        self._schedulers: dict[str, Scheduler] = {}
        self._warm_ups: list[WarmUp] = []
        self._buffers = HostBuffers()
        self._steps: Steps
        self._watch: LossWatch
        self._device = _CPU

    @property
    def num_batches(self) -> int:
        """Batches of an epoch."""
        return self._loader.num_batches

    @property
    def output_scale(self) -> Scale:
        """What the model's raw outputs are, by the loss that it is trained with."""
        return output_scale(self._loss)

    @property
    def num_parameters(self) -> int | None:
        """How many numbers the model learns or holds fixed; None while it does not know its own shape."""
        return _count(self._model.parameters())

    @property
    def num_trainable_parameters(self) -> int | None:
        """How many of them it learns."""
        return _count(each for each in self._model.parameters() if each.requires_grad)

    def prepare(self, device: torch.device) -> None:
        """Move model, loss and data to `device` and make the optimizers; call it once, before all else."""
        self._device = device
        self._model.to(device)
        if isinstance(self._loss, nn.Module):
            self._loss.to(device)
        self._loader.to(device)
        self._optimizers = make_optimizers(self._make_optimizers, self._model)
        self._schedulers = make_schedulers(self._make_schedulers, self._optimizers)
        self._warm_ups = warm_ups(self._loss)
        self._watch = LossWatch(self._settings.on_nonfinite, is_deferred=device.type != "cpu")
        self._steps = make_steps(
            forward=CompiledModel(self._model, self._compile) if self._compile else self._model,
            loss=self._loss,
            parameters=list(self._model.parameters()),
            optimizers=list(self._optimizers.values()),
            settings=self._settings,
            watch=self._watch,
            device=device,
        )

    def train_epoch(self, epoch: int, first_batch: int = 0) -> Iterator[int]:
        """The batches of a pass over the split, from `first_batch` on: the last of each group, when its step is done.

        Raises:
            RunError: a loss is not finite, and training is to stop then.
        """
        self._model.train()
        self._watch.begin(epoch)
        steps, accumulate, last = self._steps, self._settings.accumulate, self.num_batches - 1
        by_step = [each for each in self._schedulers.values() if each.steps_per_batch]
        inputs: Any = None
        try:
            for batch, (inputs, targets) in enumerate(self._loader.epoch(epoch, first_batch), first_batch):
                for each in self._warm_ups:
                    each.step = self.step
                steps.add(inputs, targets, batch)
                if accumulate > 1 and (batch + 1) % accumulate and batch < last:
                    continue
                steps.finish()
                for scheduler in by_step:
                    scheduler.after_batch()
                self.step += 1
                yield batch
            self._watch.end()
        except (RuntimeError, MemoryError) as error:
            note_batch(error, inputs, self._device)
            raise
        finally:
            for each in self._warm_ups:
                each.step = None  # evaluation sees the loss in full

    def take_notices(self) -> list[str]:
        """What was met in training since this was last asked, such as losses that are not finite."""
        return self._watch.take_notices()

    def finish_epoch(self, scores: Mapping[str, float]) -> None:
        """Let the schedulers see the scores of the epoch."""
        for scheduler in self._schedulers.values():
            scheduler.after_epoch(scores)

    def predict(self, inputs: Any) -> Any:
        """The model's raw outputs [N, ...], or a nest of them, for a batch of inputs on its device."""
        if self._model.training:
            self._model.eval()
        with torch.inference_mode(), autocast(self._settings.precision, self._device) or nullcontext():
            return map_tensors(self._model(inputs), in_single)

    def rehearse(self, num_samples: int) -> tuple[Any, Any]:
        """Raw outputs and targets of one step on copies of model and loss; nothing of its own changes.

        Raises:
            BuildError: the model does not fit the data, the loss or the optimizer.
        """
        inputs, targets = self._loader.sample(num_samples)
        model, loss = copy.deepcopy(self._model).train(), copy.deepcopy(self._loss)
        title, shape = type(model).__name__, shape_of(inputs)
        context = autocast(self._settings.precision, self._device) or nullcontext()
        try:
            with context:
                outputs = model(inputs)
        except _MISFITS as error:
            raise BuildError(f"model {title} does not take inputs of shape {shape}: {error}", code="MG320") from error
        try:
            with context:
                result = loss(outputs, targets)
            torch.autograd.backward(result)
        except (*_MISFITS, BuildError) as error:
            kind = f" and type {targets.dtype}" if isinstance(targets, Tensor) else ""
            raise BuildError(
                f"the loss does not fit outputs of model {title} of shape {shape_of(outputs)} and targets of shape "
                f"{shape_of(targets)}{kind}: {_plain(error)}",
                code="MG321",
            ) from error
        self._rehearse_optimizers(model)
        return map_tensors(outputs, lambda each: in_single(each.detach())), targets

    def resources(self) -> dict[str, Frozen]:
        """All that training goes on from, as files by name. Raises RunError where a loss has stopped training."""
        self._watch.settle()
        of_tensors = {
            MODEL: serialize.tensor_file(self._model.state_dict()),
            OPTIMIZER: serialize.state_file(torch_state.gather(self._optimizers)),
        }
        if isinstance(self._loss, nn.Module) and (loss := self._loss.state_dict()):
            of_tensors[LOSS] = serialize.tensor_file(loss)
        files = self._buffers.freeze(of_tensors)
        if self._schedulers:
            files[LR_SCHEDULER] = torch_state.freeze_json(torch_state.gather(self._schedulers))
        if scaler := self._steps.state_dict():
            files[GRADIENT_SCALER] = torch_state.freeze_json(scaler)
        return files

    def load_resources(self, load: Callable[[str], bytes]) -> None:
        """Go on from the files that `resources` gave; `load` reads one by name.

        Raises:
            StoreError: a file is not whole, or of another architecture.
        """
        torch_state.restore(self._model, load, MODEL, "model")
        torch_state.spread(read_whole(load, OPTIMIZER, serialize.load_state), self._optimizers, OPTIMIZER)
        if self._schedulers:
            state = read_whole(load, LR_SCHEDULER, serialize.load_json)
            torch_state.spread(state, self._schedulers, LR_SCHEDULER)
        if isinstance(self._loss, nn.Module) and self._loss.state_dict():
            torch_state.restore(self._loss, load, LOSS, "loss")
        if self._steps.state_dict():
            self._steps.load_state_dict(read_whole(load, GRADIENT_SCALER, serialize.load_json))

    def _rehearse_optimizers(self, model: nn.Module) -> None:
        try:
            optimizers = make_optimizers(self._make_optimizers, model)
            for optimizer in optimizers.values():
                if isinstance(optimizer, LBFGS):
                    check_searching(self._settings)
                    optimizer.step(lambda: torch.zeros(()))  # type: ignore[no-untyped-call]  # by torch
                else:
                    optimizer.step()
            make_schedulers(self._make_schedulers, optimizers)
        except _MISFITS as error:
            raise BuildError(
                f"the optimizer or its scheduler does not fit model {type(model).__name__}: {error}", code="MG322"
            ) from error


def _count(parameters: Iterable[nn.Parameter]) -> int | None:
    numbers = list(parameters)
    is_known = not any(isinstance(each, nn.UninitializedParameter) for each in numbers)
    return sum(each.numel() for each in numbers) if is_known else None


def _plain(error: Exception) -> str:
    return error.message if isinstance(error, BuildError) else str(error)


default_registry.set_default("trainer", "torch")
