import gzip
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from mlgym_core.components.data.archives import npz
from mlgym_core.components.data.idx import mnist
from mlgym_core.components.data.loaders import make_loader
from mlgym_core.components.data.tables import csv, parquet
from mlgym_core.errors import BuildError


@pytest.fixture
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {"a": rng.normal(5, 2, 40), "b": np.arange(40), "kind": ["x", "y"] * 20, "size": rng.normal(size=40)}
    )


def write_idx(path: Path, array: np.ndarray) -> None:
    content = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.fixture
def mnist_folder(tmp_path: Path) -> Path:
    images = np.arange(6 * 4 * 4, dtype=np.uint8).reshape(6, 4, 4)
    labels = np.array([0, 1, 2, 3, 4, 5], dtype=np.uint8)
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", images)
    write_idx(tmp_path / "train-labels-idx1-ubyte", labels)
    write_idx(tmp_path / "t10k-images-idx3-ubyte", images[:2])
    write_idx(tmp_path / "t10k-labels-idx1-ubyte.gz", labels[:2])
    return tmp_path


class TestTables:
    def test_a_csv_file_is_inputs_and_classes(self, frame: pd.DataFrame, tmp_path: Path) -> None:
        frame.to_csv(tmp_path / "table.csv", index=False)

        splits = csv(tmp_path / "table.csv", target="kind", features=["a", "b"], test_fraction=0.25)

        train, test = splits["train"], splits["test"]
        assert (len(train), len(test), train.task, train.num_classes) == (30, 10, "binary", 2)
        assert train.feature_names == ("a", "b")
        row = int(train.inputs[0, 1])
        assert train.inputs[0, 0].item() == pytest.approx(frame["a"][row])
        assert train.targets[0] == row % 2

    def test_a_parquet_file_gives_what_the_same_csv_file_gives(self, frame: pd.DataFrame, tmp_path: Path) -> None:
        frame.to_csv(tmp_path / "table.csv", index=False)
        frame.to_parquet(tmp_path / "table.parquet")
        settings = {"target": "size", "features": ["b"], "standardize": True}

        ours, theirs = csv(tmp_path / "table.csv", **settings), parquet(tmp_path / "table.parquet", **settings)

        assert ours["train"].task == "regression"
        assert torch.equal(ours["train"].inputs, theirs["train"].inputs)
        torch.testing.assert_close(ours["test"].targets, theirs["test"].targets)

    def test_whole_numbers_are_classes_unless_the_task_says_otherwise(self, frame, tmp_path: Path) -> None:
        frame.drop(columns="kind").to_csv(tmp_path / "table.csv", index=False)

        assert csv(tmp_path / "table.csv", target="b", test_fraction=0)["train"].task == "multiclass"
        assert csv(tmp_path / "table.csv", target="b", task="regression")["train"].targets.is_floating_point()

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"target": "sort"}, r"no column 'sort'\s+it has: a, b, kind, size"),
            ({"target": "size", "standardize": True}, r"column 'kind' of 'table' holds values that are no numbers"),
            ({"target": "kind", r"task": "regression"}, "the targets in column 'kind' .* are no numbers"),
            ({"target": "b", r"features": ["a"], "task": "binary"}, "have 40 classes, but it takes exactly 2"),
        ],
    )
    def test_a_column_that_does_not_fit_is_named(self, frame, tmp_path: Path, settings, message) -> None:
        frame.to_csv(tmp_path / "table.csv", index=False)

        with pytest.raises(BuildError, match=message):
            csv(tmp_path / "table.csv", **settings)

    def test_what_no_loader_can_take_says_which_column_and_what_to_do(self, frame, tmp_path: Path) -> None:
        frame.loc[[3, 7], "a"] = np.nan
        frame.to_csv(tmp_path / "table.csv", index=False)
        gaps = csv(tmp_path / "table.csv", target="kind", features=["b", "a"], test_fraction=0)["train"]
        words = csv(tmp_path / "table.csv", target="size", features=["b", "kind"])["train"]

        with pytest.raises(BuildError, match=r"column 'a' of 'table' has 2 missing values\s+.* by `features`"):
            make_loader(gaps)
        with pytest.raises(BuildError, match=r"column 'kind' of 'table' holds values that are no numbers"):
            make_loader(words)

    def test_a_missing_target_is_refused(self, frame, tmp_path: Path) -> None:
        frame.loc[[3], "a"] = np.nan
        frame.to_csv(tmp_path / "table.csv", index=False)

        with pytest.raises(BuildError, match=r"column 'a' of .*table.csv has 1 missing values\s+drop the rows"):
            csv(tmp_path / "table.csv", target="a", features=["b"])

    def test_a_file_that_is_not_there_says_where_paths_begin(self, tmp_path: Path) -> None:
        with pytest.raises(BuildError, match=r"there is no file .*none.csv\s+paths begin at the folder of the config"):
            csv(tmp_path / "none.csv", target="y")

    def test_a_file_that_is_no_table_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "empty.csv").touch()
        (tmp_path / "text.parquet").write_text("this is no parquet file")

        with pytest.raises(BuildError, match=r"cannot read .*empty.csv: No columns"):
            csv(tmp_path / "empty.csv", target="y")
        with pytest.raises(BuildError, match=r"cannot read .*text.parquet"):
            parquet(tmp_path / "text.parquet", target="y")


class TestArchives:
    def test_an_archive_with_one_set_is_parted(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "data.npz", inputs=np.arange(20).reshape(10, 2), targets=np.array([3, 7] * 5))

        splits = npz(tmp_path / "data.npz")

        assert (len(splits["train"]), len(splits["test"])) == (8, 2)
        assert splits["train"].inputs.dtype == torch.float32
        assert splits["train"].targets.unique().tolist() == [0, 1]

    def test_classes_have_the_same_numbers_for_training_and_testing(self, tmp_path: Path) -> None:
        np.savez(
            tmp_path / "data.npz",
            x=np.zeros((3, 2)),
            y=np.array(["a", "b", "c"]),
            u=np.ones((2, 2)),
            v=np.array(["c"] * 2),
        )

        splits = npz(tmp_path / "data.npz", "x", "y", test_inputs="u", test_targets="v")

        assert splits["test"].targets.tolist() == [2, 2]
        assert splits["test"].inputs.tolist() == [[1, 1], [1, 1]]

    @pytest.mark.parametrize(
        ("arrays", "message"),
        [
            ({"inputs": np.zeros((2, 1))}, r"has no array 'targets'\s+it has: inputs"),
            ({"inputs": np.array(["a", "b"]), "targets": np.arange(2)}, "'inputs' of .* is no array of numbers"),
            ({"inputs": np.array([[np.nan], [1]]), "targets": np.arange(2)}, "'inputs' of .* has missing values"),
            ({"inputs": np.zeros((3, 1)), "targets": np.arange(2)}, "3 inputs but 2 targets"),
            (
                {"inputs": np.zeros((2, 1)), "targets": np.zeros(2, dtype=int)},
                "have 1 classes, but it takes at least 2",
            ),
            ({"inputs": np.array([None, {}]), "targets": np.arange(2)}, "cannot read .*Object arrays"),
        ],
    )
    def test_arrays_that_do_not_fit_are_named(self, tmp_path: Path, arrays, message) -> None:
        np.savez(tmp_path / "data.npz", **arrays)

        with pytest.raises(BuildError, match=message):
            npz(tmp_path / "data.npz")

    def test_a_file_that_is_no_archive_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "text.npz").write_text("this is no archive")
        np.save(tmp_path / "single.npy", np.zeros(3))

        with pytest.raises(BuildError, match=r"cannot read .*: it is no archive of arrays"):
            npz(tmp_path / "text.npz")
        with pytest.raises(BuildError, match=r"it is no archive of arrays"):
            npz(tmp_path / "single.npy")
        with pytest.raises(BuildError, match=r"both test_inputs and test_targets"):
            npz(tmp_path / "text.npz", test_inputs="x")


class TestMnist:
    def test_four_files_packed_or_not_are_images_and_labels(self, mnist_folder: Path) -> None:
        splits = mnist(mnist_folder)

        assert splits["train"].inputs.shape == (6, 1, 4, 4)
        assert splits["test"].inputs.shape == (2, 1, 4, 4)
        assert splits["train"].inputs[1, 0, 0, 0].item() == pytest.approx(16 / 255)
        assert splits["train"].targets.tolist() == [0, 1, 2, 3, 4, 5]
        assert splits["test"].num_classes == 6

    def test_images_can_be_rows(self, mnist_folder: Path) -> None:
        rows, images = mnist(mnist_folder, flatten=True)["test"], mnist(mnist_folder)["test"]

        assert torch.equal(rows.inputs, images.inputs.flatten(1))
        assert torch.equal(rows.encode(np.arange(16, dtype=np.uint8).reshape(1, 4, 4)), rows.inputs[:1])

    def test_a_missing_file_is_named(self, mnist_folder: Path) -> None:
        (mnist_folder / "train-labels-idx1-ubyte").unlink()

        with pytest.raises(BuildError, match=r"no train-labels-idx1-ubyte nor train-labels-idx1-ubyte.gz in"):
            mnist(mnist_folder)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"\x00\x00\x08\x01\x00\x00\x00\x09\x01\x02", "says that it holds 9 values, but it holds 2"),
            (b"\x00\x00\x0d\x01\x00\x00\x00\x00", "is no IDX file of bytes in 1 dimensions"),
            (b"", "is no IDX file"),
        ],
    )
    def test_a_damaged_file_is_refused(self, mnist_folder: Path, content: bytes, message: str) -> None:
        (mnist_folder / "train-labels-idx1-ubyte").write_bytes(content)

        with pytest.raises(BuildError, match=message):
            mnist(mnist_folder)

    def test_a_damaged_archive_is_refused(self, mnist_folder: Path) -> None:
        path = mnist_folder / "train-images-idx3-ubyte.gz"
        path.write_bytes(path.read_bytes()[:-12])

        with pytest.raises(BuildError, match=r"cannot read .*train-images"):
            mnist(mnist_folder)
