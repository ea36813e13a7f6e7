"""The file of a checkpoint that says which moment it is of, and what the loop goes on from.

Owns its name and how the moment stands in it. What else is in it is its writer's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlgym_core.checkpoints import serialize
from mlgym_core.checkpoints.fitting import not_whole
from mlgym_core.checkpoints.protocols import Moment

STATEFUL_COMPONENTS = "stateful_components.json"


def dump_position(moment: Moment, state: Mapping[str, Any]) -> bytes:
    """The file of `moment` with all of `state` beside it. Raises StoreError for what no checkpoint can hold."""
    position = {"epoch": moment.epoch, "step": moment.step, "batch": moment.batch}
    return serialize.dump_json({"position": position, **state})


def load_position(content: bytes) -> tuple[Moment, dict[str, Any]]:
    """The moment of a checkpoint and all that stands beside it.

    Raises:
        StoreError: the file is not whole, or was written by something else.
    """
    try:
        state = serialize.load_json(content)
        return Moment(**state.pop("position")), state
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise not_whole(f"{STATEFUL_COMPONENTS} of a checkpoint", error) from error
