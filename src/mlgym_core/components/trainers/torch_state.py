"""What a torch trainer goes on from, as files: which file holds what, and that it fits where it is read again.

It takes no step and knows no place on a disk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from torch import nn

from mlgym_core.checkpoints import serialize
from mlgym_core.checkpoints.contents import Frozen, Ready
from mlgym_core.checkpoints.fitting import OTHER_ARCHITECTURE, TRAINED_WITH, check_fit, read_whole
from mlgym_core.components.parameter_groups import ONLY
from mlgym_core.errors import StoreError

MODEL, OPTIMIZER, LR_SCHEDULER = "model.safetensors", "optimizer.safetensors", "lr_scheduler.json"
LOSS, GRADIENT_SCALER = "loss.safetensors", "gradient_scaler.json"

_MISFITS = (ValueError, KeyError, RuntimeError, TypeError)
"""What torch raises where a state is another's."""


class Stateful(Protocol):
    """An optimizer, a scheduler or a scaler of gradients."""

    def state_dict(self) -> dict[str, Any]:
        """All that it goes on from."""
        ...

    def load_state_dict(self, state: dict[str, Any], /) -> Any:
        """Go on from it."""
        ...


T = TypeVar("T", bound=Stateful)


def gather(parts: Mapping[str, T]) -> dict[str, Any]:
    """The states of parts by name; of one that has no others beside it just its own."""
    states = {name: each.state_dict() for name, each in parts.items()}
    return states.get(ONLY, states)


def spread(state: dict[str, Any], parts: Mapping[str, T], file: str) -> None:
    """Give each part what `gather` took of it.

    Raises:
        StoreError: the state is one of other parts.
    """
    try:
        for name, each in parts.items():
            each.load_state_dict(state if name == ONLY else state[name])
    except _MISFITS as error:
        raise StoreError(
            f"{file} of the checkpoint is one of another configuration: {type(error).__name__}: {error}",
            code=OTHER_ARCHITECTURE,
            hint=TRAINED_WITH,
        ) from error


def restore(module: nn.Module, load: Callable[[str], bytes], file: str, what: str) -> None:
    """Give a module the tensors of a file. Raises StoreError where they are not whole, or not those of the module."""
    found = read_whole(load, file, serialize.load_tensors)
    check_fit(found, module.state_dict(), what)
    module.load_state_dict(found)


def freeze_json(state: Any) -> Frozen:
    """A small state without tensors as it is now."""
    return Ready(serialize.dump_json(state))
