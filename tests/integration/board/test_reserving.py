"""The name of a run that is kept on a server."""

from datetime import datetime
from functools import partial

from mlgym_core.events.folder import EventStorage
from mlgym_core.publish.endpoint import reserve


def test_runs_of_two_machines_that_begin_in_one_second_do_not_share_a_name(board, tmp_path):
    now = datetime(2026, 1, 2, 12, 0, 59)
    is_free = partial(reserve, board.url, None)
    names = [EventStorage(tmp_path / each).outbox.create_run(now, is_free=is_free).run_id for each in "abc"]
    assert names == ["2026-01-02--12-00-59", "2026-01-02--12-01-00", "2026-01-02--12-01-01"]
    assert board.storage.create_run(now).run_id == "2026-01-02--12-01-02"
    assert board.get("/api/runs").json() == []


def test_a_run_begins_without_a_server_that_is_away(away):
    assert reserve(away, None, "r")
    assert reserve(None, None, "r")
