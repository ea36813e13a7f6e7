"""Everything that a configuration can name; importing this registers it all.

It must not know processes, nor the files of a run.
"""

from mlgym_core.components import (
    checkpointing,
    early_stopping,
    estimators,
    evaluator,
    losses,
    lr_schedulers,
    metrics,
    models,
    optimizers,
    post_processing,
)
from mlgym_core.components.data import archives, bundled, idx, loaders, splits, tables
from mlgym_core.components.trainers import torch_trainer

__all__ = [
    "archives",
    "bundled",
    "checkpointing",
    "early_stopping",
    "estimators",
    "evaluator",
    "idx",
    "loaders",
    "losses",
    "lr_schedulers",
    "metrics",
    "models",
    "optimizers",
    "post_processing",
    "splits",
    "tables",
    "torch_trainer",
]
