from itertools import chain

import pytest
import torch
from torch.utils.data import default_collate

from mlgym_core.components.data.dataset import Dataset
from mlgym_core.components.data.loaders import MemoryLoader, batches, label_counts, make_loader
from mlgym_core.components.data.streams import StreamLoader
from mlgym_core.errors import BuildError

NUM_SAMPLES = 23


@pytest.fixture
def source() -> Dataset:
    """Samples that are their own index, four of them of class 1."""
    inputs = torch.arange(NUM_SAMPLES).float().unsqueeze(1)
    return Dataset(inputs=inputs, targets=(inputs.flatten() < 4).long(), task="binary", num_classes=2)


class Squares:
    """A map-style data set of a user's own."""

    def __init__(self, num_samples: int) -> None:
        self.num_samples = num_samples

    def __len__(self) -> int:
        return self.num_samples

    def __getitem__(self, index: int) -> tuple[torch.Tensor, float]:
        return torch.tensor([float(index)]), float(index**2)


def loader(source, **settings):
    defaults = {"batch_size": 5, "eval_batch_size": 10, "sampling": "random", "drop_last": False, "seed": 7}
    return make_loader(source, **(defaults | settings))


def flat(lists: list[list[float]]) -> list[float]:
    return list(chain.from_iterable(lists))


def content(batches) -> list[list[float]]:
    return [inputs.flatten().tolist() for inputs, _ in batches]


@pytest.mark.parametrize("sampling", ["random", "weighted", "in_order"])
def test_both_kinds_of_loader_give_the_same_batches(source: Dataset, sampling: str) -> None:
    memory, stream = loader(source, sampling=sampling), loader(source, sampling=sampling, collate=default_collate)

    assert isinstance(memory, MemoryLoader)
    assert isinstance(stream, StreamLoader)
    for epoch in (0, 1):
        for (inputs, targets), (others, other_targets) in zip(memory.epoch(epoch), stream.epoch(epoch), strict=True):
            assert torch.equal(inputs, others)
            assert torch.equal(targets, other_targets)
    assert content(memory.evaluation()) == content(stream.evaluation())
    assert (memory.num_batches, memory.num_evaluation_batches) == (stream.num_batches, stream.num_evaluation_batches)


def test_samples_are_gathered_in_chunks_without_a_change_of_order(source: Dataset, monkeypatch) -> None:
    whole = content(loader(source).epoch(0))
    monkeypatch.setattr("mlgym_core.components.data.loaders._CHUNK_BYTES", 45)

    assert content(loader(source).epoch(0)) == whole


def test_weighted_sampling_draws_a_rare_class_as_often(source: Dataset) -> None:
    weighted = loader(source, sampling="weighted")

    drawn = torch.cat([targets for epoch in range(200) for _, targets in weighted.epoch(epoch)])

    assert drawn.float().mean().item() == pytest.approx(0.5, abs=0.03)


def test_any_map_style_data_set_is_loaded() -> None:
    squares = loader(Squares(12))

    assert squares.task == "regression"
    assert squares.known_targets() is None
    for inputs, targets in squares.epoch(0):
        assert torch.equal(inputs.flatten().double() ** 2, targets)


def test_a_collator_may_make_inputs_of_several_parts(source: Dataset) -> None:
    def collate(samples):
        inputs, targets = default_collate(samples)
        return {"value": inputs, "pair": (inputs, inputs + 1)}, targets

    inputs, _ = next(iter(loader(source, collate=collate).evaluation()))

    assert inputs["value"].shape == (10, 1)
    assert torch.equal(inputs["pair"][0] + 1, inputs["pair"][1])


def test_what_is_trained_on_is_shuffled_whatever_the_split_is_called(source: Dataset) -> None:
    loaders = batches(
        {"fit": source, "val": source}, batch_size=5, seed=0, sampling={"val": "in_order"}, drop_last=True
    )

    assert flat(content(loaders["fit"].epoch(0))) != list(range(20))
    assert flat(content(loaders["val"].epoch(0))) == list(range(20))
    assert loaders["fit"].num_batches == 4
    assert flat(content(loaders["fit"].evaluation())) == list(range(NUM_SAMPLES))


def test_sampling_for_a_split_that_there_is_not_is_refused(source: Dataset) -> None:
    with pytest.raises(BuildError, match=r"sampling names the split 'tain'\s+there are: train"):
        batches({"train": source}, seed=0, sampling={"tain": "weighted"})


def test_weighted_sampling_of_numbers_is_refused() -> None:
    with pytest.raises(BuildError, match="weighted sampling needs classes"):
        loader(Squares(4), sampling="weighted")


def test_the_weights_of_the_classes_may_be_given(source: Dataset) -> None:
    weighted = loader(source, sampling=[1.0, 3.0])

    drawn = torch.cat([targets for epoch in range(200) for _, targets in weighted.epoch(epoch)])

    assert drawn.float().mean().item() == pytest.approx(0.75, abs=0.03)


@pytest.mark.parametrize(
    ("weights", "message"), [([1.0], "has 1 weights, but there are 2 classes"), ([0.0, 0.0], "the weight 0")]
)
def test_weights_that_do_not_fit_the_classes_are_refused(source: Dataset, weights, message: str) -> None:
    with pytest.raises(BuildError, match=message):
        loader(source, sampling=weights)


def test_a_class_that_losses_ignore_is_not_drawn(source: Dataset) -> None:
    targets = torch.where(source.targets == 1, -100, source.targets)
    weighted = loader(Dataset(inputs=source.inputs, targets=targets, task="multiclass"), sampling="weighted")

    assert torch.cat([targets for _, targets in weighted.epoch(0)]).unique().tolist() == [0]
    assert label_counts(weighted) == {"0": 19}


def test_one_hot_targets_are_weighted_by_their_class(source: Dataset) -> None:
    rows = torch.nn.functional.one_hot(source.targets, 2).float()
    one_hot = Dataset(inputs=source.inputs, targets=rows, task="multiclass", num_classes=2)
    settings = {"sampling": "weighted"}

    assert content(loader(one_hot, **settings).epoch(0)) == content(loader(source, **settings).epoch(0))
    assert label_counts(loader(one_hot)) == label_counts(loader(source)) == {"0": 19, "1": 4}


def test_labels_are_counted_by_name_without_reading_samples(source: Dataset) -> None:
    named = Dataset(inputs=source.inputs, targets=source.targets, task="binary", class_names=("no", "yes"))

    assert label_counts(loader(named)) == {"no": 19, "yes": 4}
    assert label_counts(loader(Squares(4))) is None
