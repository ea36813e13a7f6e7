"""Small files: replaced as a whole, and errors that say where."""

from pathlib import Path

import pytest

from mlgym_core.errors import StoreError
from mlgym_core.events.files import read_file, write_atomically


def test_a_file_is_replaced_as_a_whole_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.yml"
    write_atomically(path, "größe: 1")
    write_atomically(path, b"b")
    assert path.read_bytes() == b"b"
    assert [each.name for each in path.parent.iterdir()] == ["file.yml"]


def test_a_write_that_fails_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "taken"
    path.mkdir()
    with pytest.raises(StoreError):
        write_atomically(path, b"b")
    assert [each.name for each in tmp_path.iterdir()] == ["taken"]


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", b"x")
    assert read_file(tmp_path / "a") == b"x"
    for path in (tmp_path / "b", tmp_path / "a" / "b", tmp_path):
        with pytest.raises(StoreError) as caught:
            read_file(path)
        assert caught.value.code == "MG402"
