"""The snapshot of a chain's end, from which a long log is opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from mlgym_core.errors import StoreError
from mlgym_core.events.codec import encode_event
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.log import LogWriter
from mlgym_core.events.types import Payload
from mlgym_core.events.verify import verify_chain

Write: TypeAlias = Callable[[RunFolder, str, list[bytes]], None]
"""Writes lines of a producer into a log and closes it."""


def test_a_long_log_is_opened_from_the_snapshot_of_its_chain(
    run: RunFolder,
    progress: Callable[..., Payload],
    monkeypatch: pytest.MonkeyPatch,
    write: Write,
    attempt: Callable[[int, int], bytes],
) -> None:
    lines = [encode_event(progress(batch)) for batch in range(10_000)]
    write(run, "a", [attempt(3, 1), *lines])
    write(run, "b", [attempt(3, 2)])
    read: list[bytes] = []
    monkeypatch.setattr("mlgym_core.events.verify.read_head", read.append)
    writer = LogWriter(run)
    assert len(read) == 1
    assert (writer.num_events, writer.last_seq("a"), writer.last_seq("b")) == (10_002, 10_001, 1)
    with pytest.raises(StoreError, match="newer attempt"):
        writer.append("a", 10_002, lines[:1])
    writer.append("b", 2, lines[:1])
    writer.commit()
    writer.close()
    assert verify_chain(run.log_path).num_lines == 10_003


@pytest.mark.parametrize("damage", ["flip", "cut", "gone", "other log", "longer than the log"])
def test_a_snapshot_that_does_not_fit_is_not_used(
    run: RunFolder, progress: Callable[..., Payload], damage: str, write: Write
) -> None:
    lines = [encode_event(progress(batch)) for batch in range(10_000)]
    write(run, "a", lines)
    whole = run.chain_path.read_bytes()
    if damage == "flip":
        run.chain_path.write_bytes(whole.replace(b'"a":10000', b'"a":10001'))
    elif damage == "cut":
        run.chain_path.write_bytes(whole[:-5])
    elif damage == "gone":
        run.chain_path.unlink()
    elif damage == "other log":
        run.log_path.unlink()
        write(run, "b", lines[::-1])
        run.chain_path.write_bytes(whole)
    else:
        run.log_path.write_bytes(run.log_path.read_bytes()[:-5])
    writer = LogWriter(run)
    truth = verify_chain(run.log_path)
    assert (writer.num_events, writer.head) == (truth.num_lines, truth.head)
    assert {name: writer.last_seq(name) for name in ("a", "b") if writer.last_seq(name)} == truth.last_seqs
