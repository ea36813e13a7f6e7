"""What a torch trainer goes on from, as files: copied when training stops for a moment, made into bytes later.

Owns which file holds what. It takes no step and knows no place on a disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Protocol, TypeVar

from torch import Tensor

from mlgym_core.checkpoints import serialize
from mlgym_core.checkpoints.protocols import Frozen
from mlgym_core.components.parameter_groups import ONLY

MODEL, OPTIMIZER, LR_SCHEDULER = "model.safetensors", "optimizer.safetensors", "lr_scheduler.json"
LOSS, GRADIENT_SCALER = "loss.safetensors", "gradient_scaler.json"


class Stateful(Protocol):
    """An optimizer or a scheduler."""

    def state_dict(self) -> dict[str, Any]:
        """All that it goes on from."""
        ...

    def load_state_dict(self, state: dict[str, Any], /) -> Any:
        """Go on from it."""
        ...


def freeze_json(state: Any) -> Frozen:
    """A state without tensors as it is now."""
    return partial(serialize.dump_json, _copy(state))


T = TypeVar("T", bound=Stateful)


def gather(parts: Mapping[str, T]) -> dict[str, Any]:
    """The states of parts by name; of one that has no others beside it just its own."""
    states = {name: each.state_dict() for name, each in parts.items()}
    return states.get(ONLY, states)


def spread(state: dict[str, Any], parts: Mapping[str, T]) -> None:
    """Give each part what `gather` took of it."""
    for name, each in parts.items():
        each.load_state_dict(state if name == ONLY else state[name])


def _copy(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, Mapping):
        return {key: _copy(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_copy(item) for item in value)
    return value
