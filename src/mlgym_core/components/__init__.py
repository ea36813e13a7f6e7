"""Everything that a configuration can name; importing this registers it all.

It must not know processes, nor the files of a run.
"""

from mlgym_core.components import (
    checkpointing,
    data,
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
from mlgym_core.components.trainers import sklearn_trainer, torch_trainer, xgboost_trainer

__all__ = [
    "checkpointing",
    "data",
    "early_stopping",
    "estimators",
    "evaluator",
    "losses",
    "lr_schedulers",
    "metrics",
    "models",
    "optimizers",
    "post_processing",
    "sklearn_trainer",
    "torch_trainer",
    "xgboost_trainer",
]
