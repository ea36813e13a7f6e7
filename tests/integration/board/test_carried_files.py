"""The files of a staged run: before the event that speaks of them, and deleted after the one that says so."""

import pytest

from mlgym_core.events.files import write_atomically
from mlgym_core.events.types import AttemptStarted, CheckpointDeleted, CheckpointSaved

from .conftest import PATIENCE_S
from .mlgym_server import mlgym_server
from .staging import MODEL, is_whole, stamps


def test_a_run_arrives_whole_with_its_files_and_leaves_nothing_behind(staged, carry, board):
    carrier = carry(staged, [board.url], board.url)
    staged.start()
    staged.results(200)
    staged.results(100, spool=1)
    write_atomically(staged.folder.experiment_config_path(0, "system_info.json"), '{"cpu": 1}')
    write_atomically(staged.folder.resource_path(0, 1, "model.safetensors"), MODEL)
    staged.publish(AttemptStarted, experiment_id=0, attempt=1, device="cpu", host="here", pid=1, threads=1, versions={})
    staged.checkpoint(CheckpointSaved, 1)
    carrier.carry_once()
    staged.end()
    assert carrier.drain(PATIENCE_S) == 0
    carrier.close()
    run = board.storage.run(staged.run_id)
    assert is_whole(run, staged)
    assert not staged.folder.path.exists()
    assert run.config_path("grid_search_config.yml").read_text() == "a: 1 # ü\n"
    assert run.config_path("run_config.yml").read_text() == "b: 2\n"
    assert run.experiment_config_path(0).read_text() == '{"lr": 0.1}'
    assert run.experiment_config_path(0, "system_info.json").read_text() == '{"cpu": 1}'
    assert run.resource_path(0, 1, "model.safetensors").read_bytes() == MODEL


@pytest.mark.usefixtures("impatient")
def test_events_come_after_the_files_that_they_speak_of(staged, carry, board, start):
    there = []

    def look(event):
        epoch = event["payload"]["epoch"]
        path = board.storage.run(staged.run_id).resource_path(0, epoch, "model.safetensors")
        there.append(path.exists() and path.stat().st_size == len(MODEL))

    watching = start(lambda _settings: mlgym_server(look))
    carrier = carry(staged, [watching.url], board.url)
    for epoch in range(5):
        write_atomically(staged.folder.resource_path(0, epoch, "model.safetensors"), MODEL)
        staged.checkpoint(CheckpointSaved, epoch)
    staged.end()
    assert carrier.drain(PATIENCE_S) == 0
    assert there == [True] * 5


def test_a_deleted_checkpoint_is_deleted_there_and_one_that_is_gone_holds_nothing_up(staged, carry, board):
    carrier = carry(staged, [board.url], board.url)
    write_atomically(staged.folder.resource_path(0, 0, "model.safetensors"), MODEL)
    staged.checkpoint(CheckpointSaved, 0)
    staged.checkpoint(CheckpointSaved, 1)  # was deleted here before it could be uploaded
    staged.checkpoint(CheckpointDeleted, 0)
    staged.checkpoint(CheckpointDeleted, 1)
    staged.end()
    assert carrier.drain(PATIENCE_S) == 0
    assert board.storage.run(staged.run_id).checkpoint_epochs(0) == []


def test_a_checkpoint_is_deleted_there_after_the_event_that_says_so(staged, carry, board, until):
    carrier = carry(staged, [board.url], board.url)
    write_atomically(staged.folder.resource_path(0, 0, "model.safetensors"), MODEL)
    staged.checkpoint(CheckpointSaved, 0)
    carrier.carry_once()
    run = board.storage.run(staged.run_id)
    until(lambda: run.log_path.exists() and len(stamps(run)) == 1)
    staged.checkpoint(CheckpointDeleted, 0)
    carrier.carry_once()
    until(lambda: (carrier.carry_once() or True) and run.checkpoint_epochs(0) == [])
    assert len(stamps(run)) == 2
    assert is_whole(run, staged)


def test_without_an_endpoint_for_files_they_stay(staged, carry, board):
    carrier = carry(staged, [board.url], None)
    staged.start()
    staged.end()
    assert carrier.drain(PATIENCE_S) == 0
    carrier.close()
    assert is_whole(board.storage.run(staged.run_id), staged)
    assert staged.folder.config_path("grid_search_config.yml").exists()
