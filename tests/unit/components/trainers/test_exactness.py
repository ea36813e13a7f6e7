"""Whatever a torch trainer is told to do, it goes on after any batch to the same bits as without the break."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mlgym_core.components.losses import ScaledLoss, SumOfLosses, WarmUp
from mlgym_core.components.lr_schedulers import LRSchedulers, SchedulerBundle
from mlgym_core.components.optimizers import Optimizers
from mlgym_core.components.parameter_groups import OptimizerBundle

from .conftest import made


def optimizer(name: str, **arguments):
    return Optimizers().find(name).factory(**arguments)


def scheduler(name: str, **arguments):
    return LRSchedulers().find(name).factory(**arguments)


def bundle() -> OptimizerBundle:
    return OptimizerBundle(
        {"slow": optimizer("sgd", lr=0.1, momentum=0.9), "fast": optimizer("adamw", lr=0.01, fused=True)},
        {"slow": ["encoder.*", "normed.*"], "fast": "head.*"},
    )


FEATURES = {
    "nothing": {},
    "accumulation": {"accumulate": 3},
    "clipping": {"clip_norm": 0.1, "clip_value": 0.05},
    "bfloat16": {"precision": "bfloat16"},
    "float16": {"precision": "float16"},
    "float16, accumulated and clipped": {"precision": "float16", "accumulate": 2, "clip_norm": 0.1},
    "float16, fused": {"precision": "float16", "optimizer": optimizer("adam", lr=0.01, fused=True)},
    "a bundle": {"optimizer": bundle()},
    "groups": {"optimizer": optimizer("adam", lr=0.1, groups=[{"parameters": "*.bias", "lr": 0.01}])},
    "a schedule by step": {"lr_scheduler": scheduler("one_cycle", max_lr=0.1, total_steps=16, interval="step")},
    "schedules in a row": {
        "lr_scheduler": scheduler(
            "sequential",
            schedulers=[scheduler("linear", total_iters=4), scheduler("cosine_annealing", T_max=12)],
            milestones=[4],
            interval="step",
        )
    },
    "schedules of a bundle": {
        "optimizer": bundle(),
        "lr_scheduler": SchedulerBundle({"fast": scheduler("exponential", gamma=0.9, interval="step")}),
    },
    "one schedule for a bundle": {
        "optimizer": bundle(),
        "lr_scheduler": scheduler("exponential", gamma=0.9, interval="step"),
    },
    "a loss that warms up": {"loss": WarmUp(nn.CrossEntropyLoss(), steps=10, start=0.1)},
    "a loss that calibrates itself": {
        "loss": SumOfLosses([{"loss": nn.CrossEntropyLoss()}, {"loss": ScaledLoss(nn.MultiMarginLoss(), calibrate=6)}])
    },
    "lbfgs": {"optimizer": optimizer("lbfgs", lr=0.1, max_iter=2, history_size=3)},
}


@pytest.mark.parametrize("feature", FEATURES)
def test_training_goes_on_after_any_batch_to_the_same_bits(make_trainer, feature: str) -> None:
    settings = FEATURES[feature]
    whole = make_trainer(**settings)
    breaks = []
    for epoch in range(2):
        for batch in whole.train_epoch(epoch):
            breaks.append((epoch, batch, whole.step, whole.resources(), torch.get_rng_state()))
        whole.finish_epoch({})
    end = made(whole)

    assert len(breaks) == whole.step > 4
    for epoch, batch, step, resources, generator in breaks:
        files = {name: bytes(freeze()) for name, freeze in resources.items()}
        other = make_trainer(**settings, seed=1)
        other.load_resources(files.__getitem__)
        other.step = step
        assert made(other) == files
        torch.set_rng_state(generator)
        for each in range(epoch, 2):
            list(other.train_epoch(each, batch + 1 if each == epoch else 0))
            other.finish_epoch({})
        assert (made(other), other.step) == (end, whole.step)
