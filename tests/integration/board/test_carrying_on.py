"""A staged run whose way to its servers breaks: nothing is lost, and nothing comes twice."""

import logging
import shutil
import subprocess
import sys
import time

import pytest

from mlgym_core.events.folder import EventStorage
from mlgym_core.events.log_reader import LogReader
from mlgym_core.publish.ledger import read_ledger

from .conftest import PATIENCE_S
from .staging import is_whole, stamps


def test_a_server_that_is_killed_again_and_again_gets_each_event_once(
    staged, carry, command, storage_path, free_port, away
):
    def serve():
        server = command("--event_storage_path", storage_path, "--port", free_port)
        server.read_line()
        return server

    server = serve()
    carrier = carry(staged, [away], away)
    staged.start()
    for _ in range(3):
        staged.results(300)
        staged.results(300, spool=1)
        while carrier.carry_once() == 0:
            pass
        server.process.kill()
        server.process.wait()
        staged.results(50)
        carrier.carry_once()
        server = serve()
    staged.end()
    assert carrier.drain(PATIENCE_S) == 0
    assert is_whole(EventStorage(storage_path).run(staged.run_id), staged)


def test_a_server_that_is_away_holds_up_nothing_and_a_later_carrier_goes_on(staged, carry, start, away):
    carrier = carry(staged, [away], away)
    staged.start()
    staged.results(20)
    assert carrier.carry_once() == 0
    staged.end()
    assert carrier.drain(0.0) == staged.num_published
    carrier.close()
    assert staged.folder.path.exists()
    assert list(read_ledger(staged.folder).servers) == [away]
    board = start()
    carrier = carry(staged, [board.url], board.url)
    assert carrier.drain(PATIENCE_S) == 0
    carrier.close()
    assert is_whole(board.storage.run(staged.run_id), staged)
    assert not staged.folder.path.exists()


def test_each_server_gets_all_and_one_that_is_away_does_not_hold_up_the_other(staged, carry, board, away, until):
    carrier = carry(staged, [board.url, away], board.url)
    staged.start()
    staged.results(20)
    staged.end()
    assert carrier.carry_once() == 0
    known = {board.url: staged.num_published, away: 0}
    until(lambda: carrier.carry_once() == 0 and read_ledger(staged.folder).servers == known)
    assert is_whole(board.storage.run(staged.run_id), staged)
    assert carrier.drain(0.0) == staged.num_published
    carrier.close()
    assert staged.folder.path.exists()


def test_a_server_that_is_away_is_told_of_once_not_at_each_try(staged, carry, away, caplog, until):
    staged.results(2)
    staged.start()
    carrier = carry(staged, [away], away)

    def told():
        messages = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        return sorted(message.partition("; ")[2] for message in messages)

    carrier.take_up()
    until(lambda: len(told()) == 2)
    assert carrier.drain(1.0) == 4  # further tries

    assert told() == [
        "0 events acknowledged, trying again",
        "files wait, trying again",
    ]
    assert list(carrier.obstacles) == [away]


def test_a_server_that_lost_its_storage_is_sent_everything_again(staged, carry, board, until):
    carrier = carry(staged, [board.url], board.url)
    staged.start()
    carrier.carry_once()
    run = board.storage.run(staged.run_id)
    until(lambda: run.log_path.exists() and len(stamps(run)) == 2)
    carrier.close()
    shutil.rmtree(run.path)
    carrier = carry(staged, [board.url], board.url)
    staged.results(10)
    staged.end()
    assert carrier.drain(PATIENCE_S) == 0
    assert is_whole(run, staged)


def port_of(board):
    return int(board.url.rpartition(":")[2])


@pytest.mark.parametrize("mode", ["swallow", "deaf", "reset"])
def test_a_way_that_is_disturbed_loses_nothing_and_doubles_nothing(
    staged, carry, board, proxy, until, monkeypatch, mode
):
    monkeypatch.setattr("mlgym_core.publish.batches.ACKNOWLEDGEMENT_S", 0.5)
    proxy.target = port_of(board)
    carrier = carry(staged, [proxy.url], board.url)
    staged.start()
    for turn in range(4):
        num_before = proxy.num_connections
        proxy.disturb(mode if turn % 2 else "pass")
        staged.results(200)
        staged.results(200, spool=1)
        until(lambda num_before=num_before: carrier.carry_once() >= 0 and proxy.num_connections > num_before)
        for _ in range(5):
            carrier.carry_once()
            time.sleep(0.02)
    proxy.disturb("pass")
    staged.end()
    assert carrier.drain(PATIENCE_S) == 0
    assert is_whole(board.storage.run(staged.run_id), staged)
    assert proxy.num_connections >= 4


def test_a_carrier_that_is_killed_loses_nothing_and_doubles_nothing(staged, carry, board, until):
    staged.start()
    staged.results(2000)
    staged.results(2000, spool=1)
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from mlgym_core.events.folder import RunFolder\n"
        "from mlgym_core.publish.carrier import Carrier\n"
        "carrier = Carrier(RunFolder(Path(sys.argv[1])), [sys.argv[2]], sys.argv[2])\n"
        "while True:\n"
        "    carrier.carry_once()\n"
        "    time.sleep(0.01)\n"
    )
    run = board.storage.run(staged.run_id)
    for num_there in (1, 2, 3):
        staged.results(500)
        process = subprocess.Popen([sys.executable, "-c", code, str(staged.folder.path), board.url])
        try:
            until(lambda num_there=num_there: run.log_path.exists() and len(LogReader(run).poll()) >= num_there * 300)
        finally:
            process.kill()
            process.wait()
    staged.end()
    carrier = carry(staged, [board.url], board.url)
    assert carrier.drain(PATIENCE_S) == 0
    assert is_whole(run, staged)
