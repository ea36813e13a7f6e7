from itertools import chain

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mlgym_core.components.data.dataset import Dataset
from mlgym_core.components.data.splits import random_splits, split_sizes, stratified_splits
from mlgym_core.errors import BuildError


def numbered(labels: list[int]) -> Dataset:
    """Samples that are their own index."""
    inputs = torch.arange(len(labels)).float().unsqueeze(1)
    return Dataset(inputs=inputs, targets=torch.tensor(labels), task="multiclass", name="numbered")


def indices(split: Dataset) -> list[int]:
    return split.inputs.flatten().long().tolist()


@given(
    st.integers(20, 500),
    st.lists(st.floats(0.1, 1), min_size=1, max_size=4),
)
def test_sizes_give_every_sample_away_and_are_within_one_of_their_fraction(num: int, weights: list[float]) -> None:
    fractions = {str(number): weight / sum(weights) for number, weight in enumerate(weights)}
    sizes = split_sizes(num, fractions)

    assert sum(sizes.values()) == num
    assert all(abs(size - num * fractions[name]) < 1 for name, size in sizes.items())


def test_fractions_that_do_not_sum_to_one_are_refused() -> None:
    with pytest.raises(BuildError, match=r"sum to 0\.9, not to 1"):
        split_sizes(10, {"train": 0.7, "val": 0.2})


def test_a_split_without_a_sample_is_refused() -> None:
    with pytest.raises(BuildError, match=r"split 'val' would be empty: 0.01 of 10 samples"):
        split_sizes(10, {"train": 0.99, "val": 0.01})


@pytest.mark.parametrize("make", [random_splits, stratified_splits])
def test_every_sample_goes_into_one_split_and_the_seed_says_which(make) -> None:
    source = numbered([0, 1, 2] * 20)
    fractions = {"train": 0.7, "val": 0.3}

    once, again, other = make(source, fractions, 5), make(source, fractions, 5), make(source, fractions, 6)

    assert sorted(indices(once["train"]) + indices(once["val"])) == list(range(60))
    assert indices(once["train"]) == indices(again["train"])
    assert sorted(indices(once["train"])) != sorted(indices(other["train"]))


@given(st.lists(st.integers(4, 60), min_size=2, max_size=6), st.integers(0, 1000))
def test_stratified_splits_have_even_shares_of_every_class(counts: list[int], seed: int) -> None:
    labels = [label for label, count in enumerate(counts) for _ in range(count)]
    fractions = {"train": 0.6, "val": 0.25, "test": 0.15}

    splits = stratified_splits(numbered(labels), fractions, seed)

    assert sorted(chain.from_iterable(indices(split) for split in splits.values())) == list(range(len(labels)))
    for name, split in splits.items():
        found = torch.bincount(split.targets, minlength=len(counts)).tolist()
        assert all(abs(each - count * fractions[name]) <= 2 for each, count in zip(found, counts, strict=True))


def test_stratified_splits_are_shuffled() -> None:
    train = stratified_splits(numbered([0] * 50 + [1] * 50), {"train": 0.8, "val": 0.2}, 0)["train"]

    assert train.targets.tolist() != sorted(train.targets.tolist())


def test_stratified_splits_of_numbers_are_refused() -> None:
    source = Dataset(inputs=torch.zeros(4, 1), targets=torch.rand(4), task="regression")

    with pytest.raises(BuildError, match=r"need classes"):
        stratified_splits(source, {"train": 0.5, "val": 0.5}, 0)


def test_any_map_style_data_set_can_be_parted() -> None:
    source = [(torch.tensor([float(number)]), number % 2) for number in range(10)]

    for make in (random_splits, stratified_splits):
        splits = make(source, {"train": 0.6, "val": 0.4}, 0)
        assert sorted(int(x) for split in splits.values() for x, _ in split) == list(range(10))
