import pytest
import torch

from mlgym_core.components.data.dataset import Dataset, Source, targets_of, task_of
from mlgym_core.components.data.loaders import label_counts, make_loader
from mlgym_core.components.data.operations import (
    Renaming,
    combined,
    filtered,
    in_memory,
    mapped,
    one_hot,
    shuffled,
    viewed,
)
from mlgym_core.components.data.splits import split_stratified
from mlgym_core.errors import BuildError

LABELS = [0, 1, 2, 2, 1, 0, 2, 2]


class Stream:
    """Eight samples that are read one by one, of three classes; it counts how often."""

    class_names = ("cat", "dog", "emu")

    def __init__(self) -> None:
        self.num_read = 0

    def __len__(self) -> int:
        return len(LABELS)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        self.num_read += 1
        return torch.tensor([float(index)]), LABELS[index]


def memory() -> Dataset:
    return Dataset(
        inputs=torch.arange(8.0).unsqueeze(1),
        targets=torch.tensor(LABELS),
        task="multiclass",
        num_classes=3,
        class_names=Stream.class_names,
        name="pets",
    )


@pytest.fixture(params=[memory, Stream], ids=["memory", "stream"])
def source(request) -> Source:
    return request.param()


def content(source: Source) -> list[tuple[float, object]]:
    return [
        (float(inputs), torch.as_tensor(target).tolist()) for inputs, target in (source[i] for i in range(len(source)))
    ]


class TestCombined:
    def test_sources_come_one_after_the_other(self, source: Source) -> None:
        both = combined({"all": [source, source], "one": [source]})

        assert content(both["all"]) == content(source) * 2
        assert content(both["one"]) == content(source)
        assert targets_of(both["all"]).tolist() == LABELS * 2

    def test_what_is_in_memory_stays_there(self) -> None:
        whole = combined({"all": [memory(), memory()]})["all"]

        assert isinstance(whole, Dataset)
        assert (whole.num_classes, whole.class_names, whole.name) == (3, Stream.class_names, "pets")

    def test_sources_of_different_kinds_can_be_mixed(self) -> None:
        assert content(combined({"all": [memory(), Stream()]})["all"]) == content(memory()) * 2

    def test_parts_that_differ_are_refused(self) -> None:
        other = Dataset(inputs=torch.zeros(2, 3), targets=torch.zeros(2), task="regression")

        with pytest.raises(BuildError, match=r"of split 'all' differ: multiclass of inputs \[1\] and regression of"):
            combined({"all": [memory(), other]})


class TestInMemory:
    def test_every_sample_is_read_once(self) -> None:
        stream = Stream()
        read = in_memory({"train": stream})["train"]

        assert isinstance(read, Dataset)
        assert stream.num_read == len(LABELS)
        assert content(read) == content(memory())
        assert (read.task, read.class_names) == ("multiclass", Stream.class_names)

    def test_chance_in_a_sample_is_that_of_the_seed(self) -> None:
        class Chancy(Stream):
            def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
                return torch.rand(2), 0

        def read(seed: int) -> torch.Tensor:
            return in_memory({"train": Chancy()}, seed=seed)["train"].inputs

        before = torch.get_rng_state()
        assert torch.equal(read(1), read(1))
        assert not torch.equal(read(1), read(2))
        assert torch.equal(torch.get_rng_state(), before)


class TestShuffled:
    def test_the_order_is_that_of_the_seed(self, source: Source) -> None:
        first, again, other = (shuffled({"train": source}, seed=seed)["train"] for seed in (1, 1, 2))

        assert content(first) == content(again) != content(other)
        assert sorted(content(first)) == content(source) != content(first)

    def test_splits_that_are_not_named_stay_as_they_are(self, source: Source) -> None:
        splits = shuffled({"train": source, "test": source}, seed=1, only=["train"])

        assert splits["test"] is source

    def test_a_split_that_there_is_not_is_refused(self, source: Source) -> None:
        with pytest.raises(BuildError, match=r"`only` names the split 'tset'\s+there are: train"):
            shuffled({"train": source}, only=["tset"])


class TestFiltered:
    @pytest.mark.parametrize("labels", [[0, 2], ["cat", "emu"]])
    def test_samples_of_the_named_classes_are_kept_with_their_numbers(self, source: Source, labels) -> None:
        kept = filtered({"train": source}, labels)["train"]

        assert content(kept) == [each for each in content(source) if each[1] in (0, 2)]

    def test_what_leaves_nothing_is_refused(self, source: Source) -> None:
        with pytest.raises(BuildError, match=r"split 'train' has no sample of the classes \[7\]"):
            filtered({"train": source}, [7])

    def test_a_class_of_an_unknown_name_is_refused(self) -> None:
        with pytest.raises(BuildError, match=r"no class 'cow'\s+there are: cat, dog, emu"):
            filtered({"train": memory()}, ["cow"])

    def test_a_regression_has_no_classes(self) -> None:
        numbers = Dataset(inputs=torch.zeros(2, 1), targets=torch.zeros(2), task="regression")

        with pytest.raises(BuildError, match="split 'train' has no classes"):
            filtered({"train": numbers}, [0])


class TestMapped:
    def test_classes_become_others_and_two_of_them_are_binary(self, source: Source) -> None:
        renamings = [Renaming(labels=[0, 1], to=0), Renaming(labels=["emu"], to=1)]
        pets = mapped({"train": source}, renamings, class_names=["pet", "bird"])["train"]

        assert [target for _, target in content(pets)] == [0, 0, 1, 1, 0, 0, 1, 1]
        assert (task_of(pets, targets_of(pets)), pets.num_classes, pets.class_names) == ("binary", 2, ("pet", "bird"))

    def test_labels_are_looked_up_before_any_is_changed(self, source: Source) -> None:
        swapped = mapped({"train": source}, [Renaming(labels=[0], to=1), Renaming(labels=[1], to=0)])["train"]

        assert [target for _, target in content(swapped)] == [1, 0, 2, 2, 0, 1, 2, 2]
        assert swapped.task == "multiclass"

    def test_only_some_splits_are_mapped(self, source: Source) -> None:
        splits = mapped({"train": source, "test": source}, [Renaming(labels=[0], to=1)], only=["train"])

        assert list(splits) == ["train", "test"]
        assert splits["test"] is source


class TestOneHot:
    def test_targets_are_rows_that_still_have_classes(self, source: Source) -> None:
        rows = one_hot({"train": source})["train"]

        assert rows[2][1].tolist() == [0, 0, 1]
        assert torch.equal(targets_of(rows), torch.eye(3)[LABELS])
        loader = make_loader(rows, batch_size=8, eval_batch_size=8, sampling="weighted", drop_last=False, seed=0)
        assert (loader.task, loader.sample(2)[1].tolist()) == ("multiclass", [[1, 0, 0], [0, 1, 0]])
        assert label_counts(loader) == {"cat": 2, "dog": 2, "emu": 4}
        parts = split_stratified(rows, {"a": 0.5, "b": 0.5}, seed=0)
        assert [torch.tensor(LABELS)[part].bincount().tolist() for part in parts.values()] == [[1, 1, 2], [1, 1, 2]]

    def test_a_row_may_be_longer_but_not_shorter(self, source: Source) -> None:
        assert one_hot({"train": source}, num_classes=5)["train"][0][1].tolist() == [1, 0, 0, 0, 0]
        with pytest.raises(BuildError, match="rows for 2 classes, but there are 3"):
            one_hot({"train": source}, num_classes=2)


class TestViewed:
    def test_splits_have_the_named_samples(self, source: Source) -> None:
        views = viewed(source, {"train": [3, 1], "val": [7]})

        assert content(views["train"]) == [(3.0, 2), (1.0, 1)]
        assert content(views["val"]) == [(7.0, 2)]

    @pytest.mark.parametrize(("indices", "message"), [([8], "has sample 8 of 8"), ([], "has no samples")])
    def test_samples_that_there_are_not_are_refused(self, source: Source, indices, message: str) -> None:
        with pytest.raises(BuildError, match=f"the view 'val' {message}"):
            viewed(source, {"val": indices})
