"""Making every source of chance repeatable: one call seeds them all, one context asks for deterministic kernels.

Owns the global random generators. Orders of samples do not depend on them; see `components/data/order.py`.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from mlgym_core.components.data.order import derive_seed

_FILLING: Any = torch.utils.deterministic


def seed_all(seed: int) -> None:
    """Seed Python's, NumPy's and torch's generators, those of all devices included."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    # torch.manual_seed would note a stack trace for each kind of device that is not there, at every call.
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(seed)
    if torch.backends.mps.is_available():
        torch.mps.manual_seed(seed)


def seed_epoch(seed: int, epoch: int) -> None:
    """Seed everything for one epoch, so that its dropout depends on nothing that came before and it can be resumed."""
    seed_all(derive_seed("epoch", seed, epoch))


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
