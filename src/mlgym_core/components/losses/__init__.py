"""Losses: what is trained on, and what else is reported beside the scores. Knows neither models nor metrics."""

from mlgym_core.components.losses.combined import ScaledLoss, SumOfLosses
from mlgym_core.components.losses.lp import LPLoss
from mlgym_core.components.losses.protocols import Loss, output_scale
from mlgym_core.components.losses.running import RunningLoss, running_loss
from mlgym_core.components.losses.torch_losses import Losses
from mlgym_core.components.losses.warm_up import WarmUp

__all__ = [
    "LPLoss",
    "Loss",
    "Losses",
    "RunningLoss",
    "ScaledLoss",
    "SumOfLosses",
    "WarmUp",
    "output_scale",
    "running_loss",
]
