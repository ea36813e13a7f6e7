from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from mlgym_core.components.losses.warm_up import WarmUp
from mlgym_core.components.lr_schedulers import LRSchedulers
from mlgym_core.errors import StoreError

from .conftest import made


def test_state_is_that_of_the_moment_though_training_goes_on_before_it_is_made(make_trainer) -> None:
    first = nn.Linear(4, 3)
    trainer, twin = make_trainer(model=first), make_trainer(model=copy.deepcopy(first))
    list(trainer.train_epoch(0))
    list(twin.train_epoch(0))

    frozen = trainer.resources()
    list(trainer.train_epoch(1))

    assert {name: bytes(freeze()) for name, freeze in frozen.items()} == made(twin)


def test_a_model_of_another_architecture_names_the_first_tensor_that_differs(make_trainer) -> None:
    files = made(make_trainer(model=nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 3))))
    other = make_trainer(model=nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 3, bias=False)))

    with pytest.raises(StoreError, match=r"its '1\.bias', which is float32 \[3\], is not in this model") as info:
        other.load_resources(files.__getitem__)
    assert info.value.code == "MG422"


def test_another_optimizer_is_named(make_trainer) -> None:
    files = made(make_trainer())
    model = nn.Linear(4, 3)
    mismatched = made(make_trainer(model=nn.Linear(4, 3)))
    other = make_trainer(model=model)

    with pytest.raises(StoreError, match=r"optimizer\.safetensors of the checkpoint is one of another configuration"):
        other.load_resources((mismatched | {"optimizer.safetensors": files["optimizer.safetensors"]}).__getitem__)


@pytest.mark.parametrize(
    "name",
    ["model.safetensors", "optimizer.safetensors", "lr_scheduler.json", "loss.safetensors", "gradient_scaler.json"],
)
def test_a_file_that_is_cut_short_is_named(make_trainer, name: str) -> None:
    settings = {
        "lr_scheduler": LRSchedulers().find("exponential").factory(gamma=0.5),
        "loss": WarmUp(nn.CrossEntropyLoss(weight=torch.ones(3)), steps=3),
        "precision": "float16",
    }
    files = made(make_trainer(**settings))
    files[name] = files[name][: len(files[name]) // 2]

    with pytest.raises(StoreError, match=f"^MG420 {name} of the checkpoint is not whole: "):
        make_trainer(**settings).load_resources(files.__getitem__)


def test_what_a_loss_has_learnt_is_gone_on_from(make_trainer) -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("num_seen", torch.tensor(0))

        def forward(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            self.num_seen += 1
            return nn.functional.cross_entropy(outputs, targets)

    trainer, other = make_trainer(loss=Counting()), make_trainer(loss=(counting := Counting()))
    list(trainer.train_epoch(0))

    other.load_resources(made(trainer).__getitem__)

    assert counting.num_seen.item() == 8


def test_parameters_are_counted(make_trainer) -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 3))
    model[0].requires_grad_(False)
    trainer = make_trainer(model=model)

    assert (trainer.num_parameters, trainer.num_trainable_parameters) == (4 * 8 + 8 + 8 * 3 + 3, 8 * 3 + 3)
    assert make_trainer(model=nn.LazyLinear(3)).num_parameters is None
