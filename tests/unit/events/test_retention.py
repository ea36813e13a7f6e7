"""Deleted runs: told in their log, kept in the trash, restored, and gone by age."""

import json
import os
import time
from contextlib import closing

import pytest

from mlgym_core.errors import StoreError
from mlgym_core.events.codec import encode_event
from mlgym_core.events.folder import EventStorage, RunFolder
from mlgym_core.events.log import LogWriter
from mlgym_core.events.log_reader import LogReader
from mlgym_core.events.retention import empty_trash, list_trash, restore_run, trash_run
from mlgym_core.events.spool import Spool
from mlgym_core.events.types import RunTrashed
from mlgym_core.events.verify import verify_chain

RUN_ID = "2026-01-02--03-04-05"


@pytest.fixture
def storage(run) -> EventStorage:
    return EventStorage(run.path.parent)


@pytest.fixture
def recorded(run, progress) -> RunFolder:
    """A run with three events and a file beside its log."""
    with closing(LogWriter(run)) as writer:
        writer.append("p", 1, [encode_event(progress(batch)) for batch in range(3)])
        writer.commit()
    (run.path / "grid_search_config.yml").write_text("a: 1\n")
    return run


def types(run: RunFolder) -> list[str]:
    return [json.loads(line)["event_type"] for line in LogReader(run).poll()]


def record(storage: EventStorage) -> list[tuple[str, str, str]]:
    lines = (storage.path / ".trash/log.jsonl").read_text().splitlines()
    return [(each["action"], each["folder"], each["by"]) for each in map(json.loads, lines)]


def test_a_run_says_that_it_is_trashed_and_lies_in_the_trash(storage, recorded) -> None:
    trashed = trash_run(storage, RUN_ID, by="ann")

    kept = RunFolder(storage.path / ".trash" / RUN_ID)
    assert not recorded.path.exists()
    assert storage.runs() == []
    assert types(kept) == ["experiment_status"] * 3 + ["run_trashed"]
    assert verify_chain(kept.log_path).num_lines == 4
    assert (kept.path / "grid_search_config.yml").read_text() == "a: 1\n"
    assert list_trash(storage) == [trashed]
    assert record(storage) == [("trashed", RUN_ID, "ann")]


def test_what_waits_in_a_spool_is_told_first(storage, recorded, progress) -> None:
    with closing(Spool(recorded)) as spool:
        spool.publish(progress(3))

    trash_run(storage, RUN_ID, by="ann")

    assert types(RunFolder(storage.path / ".trash" / RUN_ID)) == ["experiment_status"] * 4 + ["run_trashed"]


def test_a_run_that_is_being_written_is_refused_and_untouched(storage, recorded) -> None:
    with closing(LogWriter(recorded)), pytest.raises(StoreError, match="MG404"):
        trash_run(storage, RUN_ID, by="ann")

    assert types(recorded) == ["experiment_status"] * 3
    assert list_trash(storage) == []


def test_a_damaged_run_can_be_trashed_too(storage, recorded) -> None:
    recorded.log_path.write_bytes(b"no event\n" + recorded.log_path.read_bytes())

    trash_run(storage, RUN_ID, by="ann")

    assert not recorded.path.exists()
    assert [each.run_id for each in list_trash(storage)] == [RUN_ID]


@pytest.mark.parametrize("run_id", ["never", "../elsewhere", ".trash"])
def test_what_is_no_run_is_refused(storage, recorded, run_id: str) -> None:
    with pytest.raises(StoreError, match=r"MG40[12]"):
        trash_run(storage, run_id, by="ann")

    assert recorded.exists()


def test_a_run_that_waits_to_be_sent_is_trashed_and_restored_to_where_it_was(storage, progress) -> None:
    waiting = storage.outbox.run(RUN_ID)
    with closing(LogWriter(waiting)) as writer:
        writer.append("p", 1, [encode_event(progress(0))])
        writer.commit()

    trash_run(storage, RUN_ID, by="ann")
    assert not waiting.path.exists()
    restored = restore_run(storage, RUN_ID, by="ann")

    assert restored == waiting
    assert types(waiting) == ["experiment_status", "run_trashed"]


def test_a_restored_run_is_whole_and_can_be_written_again(storage, recorded, progress) -> None:
    trash_run(storage, RUN_ID, by="ann")

    assert restore_run(storage, RUN_ID, by="bob") == recorded
    with closing(LogWriter(recorded)) as writer:
        writer.append("p", 4, [encode_event(progress(3))])
        writer.commit()

    assert verify_chain(recorded.log_path).num_lines == 5
    assert list_trash(storage) == []
    assert record(storage) == [("trashed", RUN_ID, "ann"), ("restored", RUN_ID, "bob")]


def test_two_runs_of_one_id_are_kept_apart_and_the_later_one_is_restored(storage, recorded, progress) -> None:
    trash_run(storage, RUN_ID, by="ann")
    with closing(LogWriter(recorded)) as writer:
        writer.append("q", 1, [encode_event(progress(9))])
        writer.commit()
    trash_run(storage, RUN_ID, by="ann")

    assert [each.folder for each in list_trash(storage)] == [f"{RUN_ID}.1", RUN_ID]
    assert types(restore_run(storage, RUN_ID, by="ann")) == ["experiment_status", "run_trashed"]


def test_a_run_is_not_restored_onto_another_one(storage, recorded, progress) -> None:
    trash_run(storage, RUN_ID, by="ann")
    recorded.path.mkdir()

    with pytest.raises(StoreError, match="MG418"):
        restore_run(storage, RUN_ID, by="ann")

    assert [each.run_id for each in list_trash(storage)] == [RUN_ID]


def test_what_is_not_in_the_trash_cannot_be_restored(storage, recorded) -> None:
    with pytest.raises(StoreError, match="MG402"):
        restore_run(storage, RUN_ID, by="ann")

    assert recorded.exists()


def test_the_trash_is_emptied_by_age_and_that_is_recorded(storage, recorded) -> None:
    trash_run(storage, RUN_ID, by="ann")

    assert empty_trash(storage, older_than_days=1, by="bob") == []
    assert [each.run_id for each in empty_trash(storage, older_than_days=0, by="bob")] == [RUN_ID]

    assert [each.name for each in (storage.path / ".trash").iterdir()] == ["log.jsonl"]
    assert list_trash(storage) == []
    assert record(storage) == [("trashed", RUN_ID, "ann"), ("emptied", RUN_ID, "bob")]


def test_emptying_goes_on_where_it_was_interrupted(storage, recorded) -> None:
    trash_run(storage, RUN_ID, by="ann")
    (storage.path / ".trash" / RUN_ID).rename(storage.path / ".trash/.half-removed")

    empty_trash(storage, older_than_days=1, by="bob")

    assert [each.name for each in (storage.path / ".trash").iterdir()] == ["log.jsonl"]


def test_a_folder_that_nobody_recorded_is_listed_by_its_own_time(storage, recorded) -> None:
    trash_run(storage, RUN_ID, by="ann")
    (storage.path / ".trash/log.jsonl").write_text("torn")
    then = time.time() - 5 * 86_400
    os.utime(storage.path / ".trash" / RUN_ID, (then, then))

    [found] = list_trash(storage)
    assert (found.run_id, found.at) == (RUN_ID, pytest.approx(then))
    assert len(empty_trash(storage, older_than_days=4, by="bob")) == 1


def test_an_empty_storage_has_no_trash(storage) -> None:
    assert list_trash(storage) == []
    assert empty_trash(storage, older_than_days=0, by="bob") == []
    assert not storage.path.exists()


def test_who_trashed_a_run_is_in_its_log(storage, recorded) -> None:
    trash_run(storage, RUN_ID, by="ann")

    last = json.loads(LogReader(RunFolder(storage.path / ".trash" / RUN_ID)).poll()[-1])
    assert last["payload"] == {"grid_search_id": RUN_ID, "by": "ann"}
    assert last["event_type"] == "run_trashed"
    assert RunTrashed(**last["payload"]).by == "ann"
