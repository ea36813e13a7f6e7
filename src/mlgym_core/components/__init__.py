"""Everything that a configuration can name; importing this registers it all.

It must not know processes, nor the files of a run.
"""

from mlgym_core.components import (
    checkpointing,
    early_stopping,
    evaluator,
    losses,
    lr_schedulers,
    metrics,
    models,
    optimizers,
)
from mlgym_core.components.data import bundled, loaders, splits
from mlgym_core.components.trainers import torch_trainer

__all__ = [
    "bundled",
    "checkpointing",
    "early_stopping",
    "evaluator",
    "loaders",
    "losses",
    "lr_schedulers",
    "metrics",
    "models",
    "optimizers",
    "splits",
    "torch_trainer",
]
