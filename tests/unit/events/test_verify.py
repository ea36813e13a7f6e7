"""Verifying a chain: what is broken is named, the first of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from mlgym_core.errors import StoreError
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.log_reader import LogReader
from mlgym_core.events.verify import verify_chain

Write: TypeAlias = Callable[[RunFolder, str, list[bytes]], None]
"""Writes lines of a producer into a log and closes it."""


@pytest.mark.parametrize("line", [0, 1, 2, 5])
def test_the_first_broken_line_is_named(run: RunFolder, lines: list[bytes], line: int, write: Write) -> None:
    write(run, "a", lines)
    stored = run.log_path.read_bytes().split(b"\n")
    stored[line] = stored[line][:-1] + b"?"
    run.log_path.write_bytes(b"\n".join(stored))
    with pytest.raises(StoreError, match=f"damaged at line {line} "):
        verify_chain(run.log_path)


def test_a_line_taken_out_of_the_middle_is_found(run: RunFolder, lines: list[bytes], write: Write) -> None:
    write(run, "a", lines)
    stored = run.log_path.read_bytes().split(b"\n")
    run.log_path.write_bytes(b"\n".join(stored[:2] + stored[3:]))
    with pytest.raises(StoreError, match=r"line 2 .*not chained"):
        verify_chain(run.log_path)


@pytest.mark.parametrize(("taken_out", "garbled"), [(2, 4), (5, 1)])
def test_of_two_broken_lines_the_first_is_named(
    run: RunFolder, lines: list[bytes], taken_out: int, garbled: int, write: Write
) -> None:
    write(run, "a", [*lines, lines[0]])
    stored = run.log_path.read_bytes().split(b"\n")
    stored[garbled] = b"?"
    run.log_path.write_bytes(b"\n".join(stored[:taken_out] + stored[taken_out + 1 :]))
    with pytest.raises(StoreError, match=f"damaged at line {min(taken_out, garbled)} "):
        verify_chain(run.log_path)


def test_an_absent_log_is_an_empty_one(run: RunFolder) -> None:
    assert verify_chain(run.log_path).num_lines == 0
    assert LogReader(run).poll() == []
