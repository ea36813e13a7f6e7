"""A trainer of one's own in a few lines: what a batch teaches, what is predicted, and the state between.

Owns everything else that the loop asks of a trainer, so that such a trainer resumes at any batch. It knows no model.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from mlgym_core.checkpoints import serialize
from mlgym_core.checkpoints.buffers import HostBuffers
from mlgym_core.checkpoints.contents import Frozen
from mlgym_core.checkpoints.fitting import read_whole
from mlgym_core.components.data.loaders import Loader
from mlgym_core.components.outputs import Scale
from mlgym_core.components.trainers.splits import check_batches, training_loader
from mlgym_core.errors import BuildError
from mlgym_core.registry import Slot

Loaders: TypeAlias = Annotated[Mapping[str, Loader], Slot("loaders")]
"""The splits as batches, taken from the slot `loaders`."""

_MODEL = "model.safetensors"
_ARRAY = "numpy.ndarray"
"""The one key of a mapping that stands for an array in a file, where there are tensors alone."""
_MISFITS = (RuntimeError, ValueError, TypeError, IndexError)
"""What torch and NumPy raise where shapes or types do not fit each other."""


class BatchTrainer(ABC):
    """A trainer that learns from one batch after another.

    Args:
        split: The split to train on.
    """

    output_scale: Scale = "logits"
    """What `predict` gives: logits, probabilities, decision, labels or values."""
    num_parameters: int | None = None
    """How many numbers are learned, where that is known."""

    def __init__(self, loaders: Loaders, split: str = "train") -> None:
        self.loaders = loaders
        self.loader = training_loader(loaders, split)
        check_batches(self.loader, split)
        self.split = split
        self.step = 0
        self._buffers = HostBuffers()

    @abstractmethod
    def fit_batch(self, inputs: Any, targets: Any) -> None:
        """Learn from a batch, by its content, the state and the global random generators alone."""

    @abstractmethod
    def predict(self, inputs: Any) -> Tensor:
        """Outputs [N, ...] for a batch of inputs; nothing changes."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """All that was learned: arrays, tensors and plain values, in dicts and lists."""

    @abstractmethod
    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave; it may be kept."""

    @property
    def num_batches(self) -> int:
        """Batches of an epoch."""
        return self.loader.num_batches

    def prepare(self, device: torch.device) -> None:
        """Let the batches come on `device`."""
        self.loader.to(device)

    def train_epoch(self, epoch: int, first_batch: int = 0) -> Iterator[int]:
        """The batches of a pass over the split, from `first_batch` on, each when it is learned."""
        for batch, (inputs, targets) in enumerate(self.loader.epoch(epoch, first_batch), first_batch):
            self.fit_batch(inputs, targets)
            self.step += 1
            yield batch

    def finish_epoch(self, scores: Mapping[str, float]) -> None:  # noqa: B027  most have nothing to do here
        """Take note of the scores after the epoch, by `<split>/<name>`."""

    def rehearse(self, num_samples: int) -> tuple[Tensor, Tensor]:
        """Outputs and targets of one step on the first samples, after which the state is what it was.

        Raises:
            BuildError: the trainer does not take the data.
        """
        inputs, targets = self.loader.sample(num_samples)
        before = serialize.dump_state(_marked(self.state()))
        try:
            self.fit_batch(inputs, targets)
            return self.predict(inputs), targets
        except _MISFITS as error:
            raise BuildError(f"{type(self).__name__} does not take the data: {error}", code="MG320") from error
        finally:
            self.load_state(_load(before))

    def resources(self) -> dict[str, Frozen]:
        """The state as a file."""
        return self._buffers.freeze({_MODEL: serialize.state_file(_marked(self.state()))})

    def load_resources(self, load: Callable[[str], bytes]) -> None:
        """Go on from the file that `resources` gave; `load` reads one by name.

        Raises:
            StoreError: it is not whole.
        """
        self.load_state(read_whole(load, _MODEL, _load))


def _load(content: bytes) -> Any:
    return _with_arrays(serialize.load_state(content))


def _marked(value: Any) -> Any:
    """A state with marked tensors in the place of arrays."""
    if isinstance(value, np.ndarray):
        return {_ARRAY: torch.from_numpy(np.ascontiguousarray(value))}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {key: _marked(each) for key, each in value.items()}
    return type(value)(map(_marked, value)) if isinstance(value, list | tuple) else value


def _with_arrays(value: Any) -> Any:
    """A state with arrays in the place of marked tensors."""
    if isinstance(value, dict):
        if value.keys() == {_ARRAY}:
            return value[_ARRAY].numpy()
        return {key: _with_arrays(each) for key, each in value.items()}
    return type(value)(map(_with_arrays, value)) if isinstance(value, list | tuple) else value
