"""Making every source of chance repeatable: one call seeds them all, one context asks for deterministic kernels.

Owns the global random generators. Orders of samples do not depend on them; see `components/data/order.py`.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mlgym_core.components.data.chance import seed_chance
from mlgym_core.components.data.order import derive_seed

_FILLING: Any = torch.utils.deterministic


def seed_all(seed: int) -> None:
    """Seed Python's, NumPy's and torch's generators, those of all devices included."""
    seed_chance(seed)
    # One by one: torch.manual_seed would note a stack trace for each kind of device that is not there, at every call.
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(seed)
    if torch.backends.mps.is_available():
        torch.mps.manual_seed(seed)


def seed_epoch(seed: int, epoch: int) -> None:
    """Seed everything for one epoch, so that its dropout depends on nothing that came before and it can be resumed."""
    seed_all(derive_seed("epoch", seed, epoch))


def generator_states(device: torch.device) -> dict[str, Any]:
    """The states of all random generators that training on `device` may have drawn from, as plain values."""
    name, keys, *rest = np.random.get_state(legacy=True)
    states: dict[str, Any] = {
        "python": random.getstate(),
        "numpy": (name, np.asarray(keys).tobytes(), *rest),
        "torch": [_to_bytes(torch.get_rng_state())],
    }
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]  # by torch
        states["cuda"] = [_to_bytes(each) for each in torch.cuda.get_rng_state_all()]
    if device.type == "mps":
        states["mps"] = [_to_bytes(torch.mps.get_rng_state())]
    return states


def restore_generators(states: Mapping[str, Any]) -> None:
    """Bring all random generators to where they were; those of devices that are not there are left out."""
    random.setstate(states["python"])
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, np.frombuffer(keys, dtype=np.uint32), *rest))
    torch.set_rng_state(_to_tensor(states["torch"][0]))
    if torch.cuda.is_available():
        for number, state in enumerate(states.get("cuda", ())[: torch.cuda.device_count()]):
            torch.cuda.set_rng_state(_to_tensor(state), number)
    if "mps" in states and torch.backends.mps.is_available():
        torch.mps.set_rng_state(_to_tensor(states["mps"][0]))


def _to_bytes(state: Tensor) -> bytes:
    return state.numpy().tobytes()


def _to_tensor(state: bytes) -> Tensor:
    return torch.frombuffer(bytearray(state), dtype=torch.uint8)


@contextmanager
def deterministic_kernels() -> Iterator[None]:
    """Let torch choose kernels that give the same bits each time, and warn where there is none."""
    # cuBLAS reads this when it is first used in a process.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    enabled, warn_only = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    fill, benchmark = _FILLING.fill_uninitialized_memory, torch.backends.cudnn.benchmark
    torch.use_deterministic_algorithms(True, warn_only=True)
    _FILLING.fill_uninitialized_memory = False  # costs time and hides no fault of ours
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(enabled, warn_only=warn_only)
        _FILLING.fill_uninitialized_memory = fill
        torch.backends.cudnn.benchmark = benchmark
