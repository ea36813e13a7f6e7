"""A staged run, and who carries it to the servers of this project."""

import pytest

from mlgym_core.errors import StoreError
from mlgym_core.events.lock import liveness
from mlgym_core.events.types import CheckpointDeleted, CheckpointSaved
from mlgym_core.publish.carrier import Carrier

from .conftest import PATIENCE_S
from .staging import MODEL, Staged, stamps


def test_the_run_lives_on_the_server_while_it_is_carried(staged, carry, board, until):
    carrier = carry(staged, [board.url], board.url)
    staged.start()
    carrier.carry_once()
    run = board.storage.run(staged.run_id)
    until(lambda: liveness(run) == "alive")
    assert liveness(staged.folder) == "alive"
    carrier.close()
    until(lambda: liveness(run) == "lost")


def test_two_cannot_carry_one_run(staged, carry, board):
    carry(staged, [board.url], board.url)
    with pytest.raises(StoreError) as refusal:
        Carrier(staged.folder, [board.url], board.url)
    assert refusal.value.code == "MG404"


def test_with_too_much_waiting_the_spools_are_left_to_fill(staged, away):
    carrier = Carrier(staged.folder, [away], away, most_waiting_bytes=100_000)
    staged.start()
    staged.results(1000)
    carrier.carry_once()
    taken = carrier.num_waiting
    staged.results(10)
    carrier.carry_once()
    assert carrier.num_waiting == taken
    carrier.take_up()
    assert carrier.num_waiting == taken + 10
    carrier.close()


@pytest.mark.parametrize("is_begun_again", [False, True])
def test_checkpoints_count_until_they_are_uploaded_also_those_that_are_deleted_again(staged, away, is_begun_again):
    carrier = Carrier(staged.folder, [away], away, most_waiting_bytes=2 * len(MODEL) + 100_000)
    staged.start()  # whose files cannot be uploaded, so that nothing behind it is
    for epoch in (0, 1, 2):
        staged.checkpoint(CheckpointSaved, epoch)
        if epoch:
            staged.checkpoint(CheckpointDeleted, epoch - 1)
        carrier.carry_once()
    assert carrier.num_waiting == staged.num_published
    if is_begun_again:
        carrier.close()
        carrier = Carrier(staged.folder, [away], away, most_waiting_bytes=2 * len(MODEL) + 100_000)
    staged.checkpoint(CheckpointSaved, 3)
    carrier.carry_once()
    assert carrier.num_waiting == staged.num_published - 1
    carrier.close()


def test_a_stale_attempt_is_fenced_and_what_it_published_stays_here(staged, carry, board, tmp_path, caplog):
    staged.start()
    staged.attempt(1)
    carrier = carry(staged, [board.url], board.url)
    assert carrier.drain(PATIENCE_S) == 0
    newer = Staged(tmp_path / "elsewhere", staged.run_id)
    newer.attempt(2)
    newer.results(5)
    newer.end()
    assert carry(newer, [board.url], board.url).drain(PATIENCE_S) == 0
    staged.results(20)
    staged.results(7, spool=1)
    staged.end()
    assert carrier.drain(PATIENCE_S) == 20
    stale = staged.spools[0].producer
    assert list(carrier.set_aside) == [stale]
    assert carrier.set_aside[stale].startswith("fenced: ")
    carrier.close()
    assert staged.folder.path.exists()
    by_producer = dict(stamps(board.storage.run(staged.run_id)))
    assert by_producer == {stale: 3, newer.spools[0].producer: 6, staged.spools[1].producer: 7}
    assert [record.levelname for record in caplog.records].count("ERROR") == 1
