"""The trash of a storage that a board serves."""

import json
import time

from ml_board.service import create_board
from ml_board.settings import Settings
from mlgym_core.events.retention import trash_run


def test_a_board_that_starts_empties_what_is_old(storage, recording):
    recording.close()
    trash_run(storage, recording.run_id, by="ann")
    record = storage.path / ".trash/log.jsonl"
    entry = json.loads(record.read_text())
    record.write_text(json.dumps({**entry, "at": time.time() - 31 * 86_400}) + "\n")

    create_board(Settings(event_storage_path=storage.path))

    assert [each.name for each in (storage.path / ".trash").iterdir()] == ["log.jsonl"]
