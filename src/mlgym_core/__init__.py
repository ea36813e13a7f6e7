"""Grid searches that can be told exactly, repeated to the bit and watched while they run.

The public names, each loaded when it is first used: importing this imports neither torch nor anything heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlgym_core.cli import main
    from mlgym_core.components.trainers.batch_trainer import BatchTrainer, Loaders
    from mlgym_core.inference import load_components, load_experiment
    from mlgym_core.python_api import log_run, resume, run
    from mlgym_core.registry import Nested, Slot, register

_HOME_OF = {
    "BatchTrainer": "mlgym_core.components.trainers.batch_trainer",
    "Loaders": "mlgym_core.components.trainers.batch_trainer",
    "Nested": "mlgym_core.registry",
    "Slot": "mlgym_core.registry",
    "load_components": "mlgym_core.inference",
    "load_experiment": "mlgym_core.inference",
    "log_run": "mlgym_core.python_api",
    "main": "mlgym_core.cli",
    "register": "mlgym_core.registry",
    "resume": "mlgym_core.python_api",
    "run": "mlgym_core.python_api",
}

__all__ = [
    "BatchTrainer",
    "Loaders",
    "Nested",
    "Slot",
    "load_components",
    "load_experiment",
    "log_run",
    "main",
    "register",
    "resume",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME_OF])
