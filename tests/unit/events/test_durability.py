"""What each setting does to bytes that were written."""

import os
from pathlib import Path

import pytest

from mlgym_core.errors import StoreError
from mlgym_core.events.codec import encode_event
from mlgym_core.events.durability import SYNCS
from mlgym_core.events.folder import EventStorage
from mlgym_core.events.log import LogWriter
from mlgym_core.events.log_reader import LogReader
from mlgym_core.events.types import RunEnded

RUN_ID = "2026-01-02--03-04-05"


def test_synced_asks_the_system_and_written_does_not() -> None:
    read_end, write_end = os.pipe()  # which no system can sync
    try:
        with pytest.raises(OSError, match="Invalid argument"):
            SYNCS["synced"](write_end)
        SYNCS["written"](write_end)
    finally:
        os.close(read_end)
        os.close(write_end)


def test_a_log_that_is_only_written_is_there_for_every_reader(tmp_path: Path) -> None:
    run = EventStorage(tmp_path).run(RUN_ID)
    writer = LogWriter(run, sync=SYNCS["written"])
    writer.append("p", 1, [encode_event(RunEnded(grid_search_id=RUN_ID, reason="finished", counts={}))])
    writer.commit()
    assert LogReader(run).poll_slice().num_lines == 1
    with pytest.raises(StoreError, match="written by another process"):
        LogWriter(run)
    writer.close()
