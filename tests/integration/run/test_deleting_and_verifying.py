"""`verify`, `delete` and `trash` on a run that was really trained."""

import json
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import mlgym_core
from mlgym_core.events.folder import EventStorage, RunFolder
from mlgym_core.events.log import LogWriter
from mlgym_core.events.log_reader import LogReader
from mlgym_core.events.merge import Merger
from mlgym_core.execution import forkserver

CONFIG = {
    "run": {"epochs": 2},
    "data": "iris",
    "loaders": {"splits": {"train": "$data.train"}, "batch_size": 16},
    "model": {"use": "mlp", "sizes": [4, 3]},
    "optimizer": {"use": "sgd", "lr": {"sweep": [0.1, 0.01]}},
    "loss": "cross_entropy",
    "checkpointing": {"use": "every_epoch"},
}


@pytest.fixture(scope="module")
def once_trained(tmp_path_factory) -> Iterator[RunFolder]:
    result = mlgym_core.run(CONFIG, progress=False, event_storage=str(tmp_path_factory.mktemp("trained")))
    yield RunFolder(result.folder)
    forkserver.stop()


@pytest.fixture
def trained(once_trained, workplace) -> RunFolder:
    """Two experiments with a checkpoint for each of two epochs."""
    run = workplace.storage.run(once_trained.run_id)
    shutil.copytree(once_trained.path, run.path)
    return run


@pytest.fixture
def elsewhere(trained, tmp_path) -> Path:
    """A copy of the run in a folder of another name, outside of any storage."""
    return Path(shutil.copytree(trained.path, tmp_path / "copied"))


def event_types(run: RunFolder) -> list[str]:
    return [json.loads(line)["event_type"] for line in LogReader(run).poll()]


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def test_a_run_as_it_was_trained_is_sound(mlgym, trained) -> None:
    document = mlgym("verify", "last", "--json").document
    told = mlgym("verify", trained.run_id)

    with closing(LogWriter(trained)) as writer:
        head, num_events = writer.head, writer.num_events
    assert (document["head"], document["num_events"]) == (head, num_events)
    assert (document["is_sound"], document["num_checkpoints"], document["notes"]) == (True, 4, [])
    assert told.status == 0
    assert f"head {head}" in told.out
    assert "checkpoints: 4 of 4 as they were saved" in told.out


def test_of_a_log_that_mlgym_wrote_it_is_not_said_that_nothing_changed(mlgym, workplace) -> None:
    run = workplace.storage.run("2022-11-23--20-08-38")
    run.path.mkdir(parents=True)
    shutil.copy(Path(__file__).parents[2] / "golden" / "mlgym_0_0_75" / "event_storage.log", run.log_path)
    told = mlgym("verify", run.run_id)
    assert (told.status, "33 events, each whole\n" in told.out) == (0, True)
    assert "note: 33 events have no stamp" in told.out


def test_one_flipped_byte_is_found_and_its_line_named(mlgym, trained) -> None:
    lines = trained.log_path.read_bytes().split(b"\n")
    flip(trained.log_path, sum(len(line) + 1 for line in lines[:7]) + len(lines[7]) // 2)

    done = mlgym("verify", "last", "--json")

    assert done.status == 1
    assert done.document["is_sound"] is False
    assert done.document["damage"]["line"] in (7, 8)
    assert f"line {done.document['damage']['line']} " in done.document["damage"]["message"]


def test_all_faults_of_checkpoints_are_told_also_where_the_log_is_damaged(mlgym, trained) -> None:
    trained.find_resource(0, 1, "model").unlink()
    flip(trained.find_resource(1, 0, "model"), -1)
    trained.log_path.write_bytes(b"torn\n" + trained.log_path.read_bytes())

    done = mlgym("verify", "last", "--json")

    assert done.status == 1
    assert done.document["damage"]["line"] == 0
    found = [(each["experiment_id"], each["epoch"]) for each in done.document["checkpoint_faults"]]
    assert found == [(0, 1), (1, 0)]
    assert "it is missing" in mlgym("verify", "last").out


def test_a_torn_tail_and_a_strange_file_are_notes(mlgym, trained) -> None:
    with trained.log_path.open("ab") as log:
        log.write(b'{"event_type"')
    (trained.checkpoint_path(0, 0) / "notes.txt").write_text("mine")

    done = mlgym("verify", "last", "--json")

    assert done.status == 0
    assert done.document["notes"] == [
        "the last 13 bytes of the log are a line that is not whole yet, and do not count",
        "0/0/notes.txt: nothing in the log tells of this file",
    ]


def test_a_copied_folder_a_waiting_run_and_a_live_one_are_verified(mlgym, workplace, trained, elsewhere) -> None:
    assert mlgym("verify", elsewhere).status == 0
    with closing(LogWriter(trained)):
        assert mlgym("verify", "last").status == 0
    workplace.storage.outbox.path.mkdir()
    trained.path.rename(workplace.storage.outbox.path / trained.run_id)
    assert mlgym("verify", trained.run_id).status == 0
    assert mlgym("verify", elsewhere.parent / "nothing").status == 2


def test_a_deleted_run_is_out_of_sight_and_comes_back_whole(mlgym, workplace, trained) -> None:
    before = trained.log_path.read_bytes()

    deleted = mlgym("delete", "last")
    assert deleted.status == 0
    assert f"mlgym trash --restore {trained.run_id} --event_storage_path {workplace.storage.path}" in deleted.out
    assert mlgym("runs", "--json").document == []
    assert [each["run_id"] for each in mlgym("trash", "--json").document] == [trained.run_id]
    assert trained.run_id in mlgym("trash").out
    restored = mlgym("trash", "--restore", trained.run_id, "--json")

    assert restored.document == {"run_id": trained.run_id, "folder": str(trained.path)}
    assert trained.log_path.read_bytes().startswith(before)
    assert event_types(trained)[-1] == "run_trashed"
    assert mlgym("verify", "last").status == 0


def test_the_trash_is_emptied_by_age(mlgym, workplace, trained) -> None:
    assert mlgym("delete", "last", "--json").document["run_id"] == trained.run_id

    assert mlgym("trash", "--empty", "--older-than", "1", "--json").document == []
    assert mlgym("trash", "--empty").out == "1 run removed for good\n"

    assert mlgym("trash").out == f"nothing is in the trash of {workplace.storage.path}\n"
    assert mlgym("trash", "--restore", trained.run_id).status == 2


def test_a_run_that_is_being_written_is_not_deleted(mlgym, trained) -> None:
    with closing(LogWriter(trained)):
        done = mlgym("delete", "last")

    assert done.status == 2
    assert f"MG404 run {trained.run_id} is being written by another process (pid {os.getpid()} on " in done.err
    assert trained.exists()


def test_checkpoints_of_experiments_are_deleted_and_the_run_stays_sound(mlgym, trained) -> None:
    done = mlgym("delete", "last", "0", "--json")

    assert done.document == {"run_id": trained.run_id, "deleted": {"0": [0, 1]}, "errors": []}
    assert (trained.checkpoint_epochs(0), trained.checkpoint_epochs(1)) == ([], [0, 1])
    assert event_types(trained)[-2:] == ["checkpoint_deleted"] * 2
    [first, second] = mlgym("show", "last", "--json").document["experiments"]
    assert (first["checkpoints"], len(second["checkpoints"])) == ([], 2)
    assert mlgym("verify", "last").status == 0


def test_an_experiment_without_checkpoints_fails_and_the_others_go(mlgym, trained) -> None:
    done = mlgym("delete", "last", "7", "1")

    assert done.status == 1
    assert done.out.splitlines() == [
        "experiment 1: the checkpoints of the epochs 0, 1 are deleted",
        f"MG402 run {trained.run_id}, experiment 7 has no checkpoint",
    ]


def test_checkpoints_of_a_live_run_go_once_its_writer_has_taken_up_the_fact(mlgym, trained) -> None:
    ended = threading.Event()
    # No power is cut here; who deletes gives up after a few seconds, and a disk may take longer to sync.
    with closing(LogWriter(trained, sync=lambda _: None)) as writer:

        def hold() -> None:
            merger = Merger(writer, trained)
            while not ended.wait(0.01):
                merger.merge_once()

        holder = threading.Thread(target=hold)
        holder.start()
        try:
            done = mlgym("delete", "last", "0")
        finally:
            ended.set()
            holder.join()

    assert done.status == 0
    assert trained.checkpoint_epochs(0) == []
    assert EventStorage(trained.path.parent).open("last") == trained
