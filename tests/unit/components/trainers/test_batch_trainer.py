"""A trainer of one's own says what a batch teaches, and is given the rest."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mlgym_core import BatchTrainer
from mlgym_core.components.data.dataset import Dataset
from mlgym_core.components.data.loaders import Loader, batches
from mlgym_core.errors import BuildError, StoreError
from mlgym_core.registry import Registry


class Means(BatchTrainer):
    """Remembers the mean of all inputs, and a few things beside it."""

    def __init__(self, loaders: dict[str, Loader], split: str = "train") -> None:
        super().__init__(loaders, split)
        self.learned: dict[str, Any] = {
            "mean": np.zeros(3),
            "seen": 0,
            "last": None,
            "both": [torch.zeros(2), (1, "a")],
        }

    def fit_batch(self, inputs: Any, targets: Any) -> None:
        seen = self.learned["seen"] + len(inputs)
        total = self.learned["mean"] * self.learned["seen"] + inputs.numpy().sum(0)
        self.learned |= {"mean": total / seen, "seen": np.int64(seen), "last": {"targets": targets}}

    def predict(self, inputs: Any) -> Tensor:
        return (inputs - torch.from_numpy(self.learned["mean"])).sum(1)

    def state(self) -> dict[str, Any]:
        return self.learned

    def load_state(self, state: dict[str, Any]) -> None:
        self.learned = state


@pytest.fixture
def loaders() -> dict[str, Loader]:
    data = Dataset(inputs=torch.arange(30.0).reshape(10, 3), targets=torch.arange(10) % 2, task="binary")
    return batches({"train": data}, batch_size=4)


def test_the_state_comes_back_as_it_was(loaders: dict[str, Loader]) -> None:
    trainer, other = Means(loaders), Means(loaders)
    list(trainer.train_epoch(0))
    files = {name: bytes(freeze()) for name, freeze in trainer.resources().items()}
    other.load_resources(files.__getitem__)

    assert files.keys() == {"model.safetensors"}
    assert trainer.step == 3
    assert isinstance(other.learned["mean"], np.ndarray)
    assert np.array_equal(other.learned["mean"], trainer.learned["mean"])
    assert other.learned["seen"] == 10
    assert torch.equal(other.learned["last"]["targets"], trainer.learned["last"]["targets"])
    assert isinstance(other.learned["both"][0], Tensor)
    assert other.learned["both"][1] == (1, "a")


def test_a_rehearsal_learns_and_forgets(loaders: dict[str, Loader]) -> None:
    trainer = Means(loaders)
    outputs, targets = trainer.rehearse(2)

    assert outputs.shape == targets.shape == (2,)
    assert trainer.learned["seen"] == 0
    assert not trainer.learned["mean"].any()


def test_data_that_do_not_fit_are_told_before_training() -> None:
    data = Dataset(inputs=torch.zeros(4, 5), targets=torch.zeros(4).long(), task="binary")
    with pytest.raises(BuildError, match="Means does not take the data: operands could not be broadcast") as error:
        Means(batches({"train": data})).rehearse(2)
    assert error.value.code == "MG320"


def test_a_state_that_no_file_can_hold_is_named(loaders: dict[str, Loader]) -> None:
    trainer = Means(loaders)
    trainer.learned["odd"] = object()
    with pytest.raises(StoreError, match="cannot hold a value of the type object"):
        trainer.resources()


def test_no_split_and_no_batch_are_refused(loaders: dict[str, Loader]) -> None:
    with pytest.raises(BuildError, match="the trainer wants the split 'fit'"):
        Means(loaders, split="fit")
    few = Dataset(inputs=torch.zeros(3, 3), targets=torch.zeros(3).long(), task="binary")
    with pytest.raises(BuildError, match="drop_last leaves no batch of the split 'train'"):
        Means(batches({"train": few}, batch_size=4, drop_last=True))


def test_a_trainer_without_a_constructor_of_its_own_is_given_the_loaders() -> None:
    registry = Registry()
    registry.register("trainer", "base")(BatchTrainer)
    found = registry.find("trainer", "base")
    assert found is not None
    assert [(each.name, each.slot and each.slot.name) for each in found.parameters] == [
        ("loaders", "loaders"),
        ("split", None),
    ]


def test_a_file_that_is_cut_short_is_named(loaders: dict[str, Loader]) -> None:
    trainer = Means(loaders)
    (freeze,) = trainer.resources().values()
    content = bytes(freeze())

    with pytest.raises(StoreError, match=r"^MG420 model\.safetensors of the checkpoint is not whole: "):
        trainer.load_resources(lambda _: content[:-8])
