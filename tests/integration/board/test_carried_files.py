"""The files of a staged run: before the event that speaks of them, and deleted after the one that says so."""

import pytest

from mlgym_core.events.files import write_atomically
from mlgym_core.events.types import CheckpointDeleted, CheckpointSaved

from .conftest import PATIENCE_S
from .mlgym_server import mlgym_server
from .staging import MODEL, is_whole, stamps


def test_a_run_arrives_whole_with_its_files_and_leaves_nothing_behind(staged, carry, board):
    carrier = carry(staged, [board.url], board.url)
    staged.start()
    staged.results(200)
    staged.results(100, spool=1)
    write_atomically(staged.folder.experiment_config_path(0, "system_info.json"), '{"cpu": 1}')
    staged.attempt()
    staged.save_checkpoint(1)
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


@pytest.fixture
def whole(staged, start):
    """The epochs of checkpoints that a server was told of as saved; and whether all of it was in the storage then."""
    told = {}

    def look(event):
        if event["event_type"] == "checkpoint_saved":
            epoch = event["payload"]["epoch"]
            path = server.storage.run(staged.run_id).resource_path(0, epoch, "model.safetensors")
            told[epoch] = path.exists() and path.read_bytes() == MODEL

    server = start(lambda _settings: mlgym_server(look))
    told["url"] = server.url
    return told


@pytest.mark.usefixtures("impatient")
def test_events_come_after_the_files_that_they_speak_of(staged, carry, board, whole):
    carrier = carry(staged, [whole.pop("url")], board.url)
    for epoch in range(5):
        staged.save_checkpoint(epoch)
    staged.end()
    assert carrier.drain(PATIENCE_S) == 0
    assert whole == dict.fromkeys(range(5), True)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("is_begun_again", [False, True])
def test_files_wait_until_they_are_there_and_go_then_where_they_were_told_of_as_deleted(
    staged, carry, start, whole, free_port, away, is_begun_again
):
    url = whole.pop("url")
    carrier = carry(staged, [url], away)
    staged.attempt()
    for epoch in range(5):
        staged.save_checkpoint(epoch)
        if epoch:
            staged.checkpoint(CheckpointDeleted, epoch - 1)
        carrier.carry_once()
    assert staged.folder.checkpoint_epochs(0) == [0, 1, 2, 3, 4]
    if is_begun_again:
        carrier.close()
        carrier = carry(staged, [url], away, is_kept=True)
    board = start(port=free_port)
    staged.end()
    assert carrier.drain(PATIENCE_S) == 0
    assert whole == dict.fromkeys(range(5), True)
    if not is_begun_again:
        carrier.carry_once()
        assert staged.folder.checkpoint_epochs(0) == [4]
    carrier.close()
    assert staged.folder.checkpoint_epochs(0) == ([4] if is_begun_again else [])
    assert board.storage.run(staged.run_id).checkpoint_epochs(0) == [4]


def test_what_somebody_else_told_of_as_deleted_is_left_to_them(staged, carry, board):
    carrier = carry(staged, [board.url], board.url, is_kept=True)
    staged.attempt()
    staged.save_checkpoint(0)
    staged.checkpoint(CheckpointDeleted, 0, spool=1)
    assert carrier.drain(PATIENCE_S) == 0
    carrier.close()
    assert staged.folder.checkpoint_epochs(0) == [0]


@pytest.mark.parametrize("content", [None, MODEL[:-1], b"?" + MODEL[1:]])
def test_a_checkpoint_that_is_not_whole_here_is_not_sent_and_holds_nothing_up(staged, carry, board, content):
    carrier = carry(staged, [board.url], board.url)
    staged.save_checkpoint(0)
    path = staged.folder.resource_path(0, 1, "model.safetensors")
    if content is not None:
        write_atomically(path, content)
    staged.checkpoint(CheckpointSaved, 1)
    staged.end()
    assert carrier.drain(PATIENCE_S) == 0
    assert board.storage.run(staged.run_id).checkpoint_epochs(0) == [0]


def test_a_checkpoint_is_deleted_there_after_the_event_that_says_so(staged, carry, board, until):
    carrier = carry(staged, [board.url], board.url)
    staged.save_checkpoint(0)
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
