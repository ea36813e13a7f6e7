"""What every loader promises: batches that depend on seed and epoch alone, from wherever an epoch begins."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
from torch import Tensor

from mlgym_core.components.data.dataset import Dataset
from mlgym_core.components.data.loaders import Loader, make_loader

NUM_SAMPLES = 23
SETTINGS = {"batch_size": 5, "eval_batch_size": 10, "sampling": "random", "drop_last": False, "seed": 7}


class ReadOneByOne:
    """Samples that no one knows before they are read."""

    task = "multiclass"

    def __len__(self) -> int:
        return NUM_SAMPLES

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return torch.tensor([float(index)]), index % 3


def from_memory(**settings: Any) -> Loader:
    inputs = torch.arange(float(NUM_SAMPLES)).unsqueeze(1)
    source = Dataset(inputs=inputs, targets=torch.arange(NUM_SAMPLES) % 3, task="multiclass")
    return make_loader(source, **(SETTINGS | settings))


def one_by_one(**settings: Any) -> Loader:
    return make_loader(ReadOneByOne(), **(SETTINGS | settings))


def augmented(**settings: Any) -> Loader:
    return one_by_one(transforms=[lambda inputs: inputs + torch.rand(1) / 2], **settings)


@pytest.fixture(params=[from_memory, one_by_one, augmented])
def make(request: pytest.FixtureRequest) -> Callable[..., Loader]:
    return request.param


def bits(batches: Iterable[tuple[Tensor, Tensor]]) -> list[bytes]:
    return [inputs.numpy().tobytes() + targets.numpy().tobytes() for inputs, targets in batches]


def indices(batches: Iterable[tuple[Tensor, Tensor]]) -> list[int]:
    return torch.cat([inputs for inputs, _ in batches]).flatten().long().tolist()


def test_an_epoch_has_every_sample_once_in_as_many_batches_as_it_says(make) -> None:
    loader = make()
    batches = list(loader.epoch(0))

    assert sorted(indices(batches)) == list(range(NUM_SAMPLES)) != indices(batches)
    assert len(batches) == loader.num_batches == 5


def test_an_epoch_is_a_function_of_seed_and_number(make) -> None:
    loader = make()
    second = bits(loader.epoch(1))
    list(loader.epoch(0))

    assert bits(loader.epoch(1)) == bits(make().epoch(1)) == second
    assert bits(loader.epoch(2)) != second
    assert bits(make(seed=8).epoch(1)) != second


@pytest.mark.parametrize("sampling", ["random", "weighted", "in_order", [1.0, 0.0, 2.0]])
def test_an_epoch_goes_on_from_any_batch(make, sampling) -> None:
    whole = bits(make(sampling=sampling).epoch(3))

    for first_batch in range(len(whole) + 1):
        assert bits(make(sampling=sampling).epoch(3, first_batch)) == whole[first_batch:]


def test_a_smaller_last_batch_can_be_left_out_of_training_alone(make) -> None:
    loader = make(drop_last=True)

    assert [len(inputs) for inputs, _ in loader.epoch(0)] == [5] * loader.num_batches == [5] * 4
    assert len(indices(loader.evaluation())) == NUM_SAMPLES


def test_an_evaluation_has_every_sample_once_in_the_order_of_the_data(make) -> None:
    loader = make()
    batches = list(loader.evaluation())

    assert torch.cat([inputs for inputs, _ in batches]).flatten().tolist() == list(range(NUM_SAMPLES))
    assert len(batches) == loader.num_evaluation_batches == 3
    assert bits(loader.evaluation()) == bits(batches)


def test_the_first_samples_are_a_batch(make) -> None:
    inputs, targets = make().sample(4)

    assert inputs.flatten().tolist() == [0, 1, 2, 3]
    assert targets.tolist() == [0, 1, 2, 0]
    assert len(make().sample(NUM_SAMPLES + 1)[0]) == NUM_SAMPLES


def test_targets_that_are_known_are_those_of_an_evaluation(make) -> None:
    loader = make()
    known = loader.known_targets()

    assert len(loader.source) == NUM_SAMPLES
    assert loader.task == "multiclass"
    assert known is None or torch.equal(known, torch.cat([targets for _, targets in loader.evaluation()]))


def test_loading_leaves_the_generator_of_training_alone(make) -> None:
    loader, before = make(), torch.get_rng_state()

    list(loader.epoch(0))
    list(loader.evaluation())
    loader.sample(2)

    assert torch.equal(before, torch.get_rng_state())
