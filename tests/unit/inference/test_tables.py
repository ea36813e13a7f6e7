"""New data from files, and predictions into files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlgym_core.errors import RunError, StoreError
from mlgym_core.inference.tables import is_file_name, read_rows, write_table

TABLE = pd.DataFrame({"prediction": ["a", "b"], "probability_a": [0.75, 0.1]})


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("p.csv", pd.read_csv),
        ("p.parquet", pd.read_parquet),
        ("below/P.JSONL", lambda path: pd.read_json(path, orient="records", lines=True)),
    ],
)
def test_a_table_is_written_as_the_name_says(tmp_path: Path, name: str, read: Callable[[Path], pd.DataFrame]) -> None:
    write_table(TABLE, tmp_path / name)
    pd.testing.assert_frame_equal(read(tmp_path / name), TABLE)


def test_rows_come_from_tables_and_arrays(tmp_path: Path) -> None:
    for name in ("rows.csv", "rows.parquet"):
        write_table(TABLE, tmp_path / name)
        pd.testing.assert_frame_equal(read_rows(tmp_path / name), TABLE)
    np.save(tmp_path / "rows.npy", np.ones((2, 3)))
    assert read_rows(tmp_path / "rows.npy").shape == (2, 3)


def test_a_split_is_no_file() -> None:
    assert [is_file_name(name) for name in ("a.csv", "a.PARQUET", "x/a.npy", "test", "test.fold", "csv")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("gone.csv", None, "there is no file"),
        ("empty.csv", b"", "cannot read"),
        ("head.csv", b"a,b\n", "has no rows"),
        ("cut.parquet", b"PAR1", "cannot read"),
        ("cut.npy", b"\x93NUMPY", "cannot read"),
        ("pickled.npy", None, "cannot read"),
        ("scalar.npy", None, "has no rows"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path, name: str, content: bytes | None, told: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    np.save(tmp_path / "pickled.npy", np.array([{}], dtype=object))
    np.save(tmp_path / "scalar.npy", np.array(1.0))
    with pytest.raises(RunError, match=told) as caught:
        read_rows(path)
    assert caught.value.code == "MG134"
    assert name in caught.value.message


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"'p.txt' does not say what to write\n  it ends in .csv"):
        write_table(TABLE, tmp_path / "p.txt")
    (tmp_path / "file").touch()
    with pytest.raises(StoreError):
        write_table(TABLE, tmp_path / "file" / "p.csv")
