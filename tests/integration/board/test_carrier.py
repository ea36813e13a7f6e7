"""A staged run on its way to servers: those of this project, and one that behaves as MLgym's."""

import asyncio
import json
import logging
import shutil
import socket
import subprocess
import sys
import time
from datetime import datetime
from functools import partial

import pytest
import socketio

from ml_board import service
from mlgym_core.errors import StoreError
from mlgym_core.events.codec import read_stamp
from mlgym_core.events.files import write_atomically
from mlgym_core.events.folder import EventStorage
from mlgym_core.events.lock import liveness
from mlgym_core.events.log_reader import LogReader
from mlgym_core.events.spool import Spool
from mlgym_core.events.types import (
    AttemptStarted,
    CheckpointDeleted,
    CheckpointSaved,
    EvaluationResult,
    ExperimentConfig,
    Resource,
    RunStarted,
)
from mlgym_core.events.verify import verify_chain
from mlgym_core.publish.carrier import Carrier
from mlgym_core.publish.endpoint import reserve
from mlgym_core.publish.ledger import read_ledger

PATIENCE_S = 30
MODEL = bytes(range(256)) * 20_000


class Staged:
    """A run that is recorded here and belongs elsewhere."""

    def __init__(self, path, run_id=None):
        outbox = EventStorage(path).outbox
        self.folder = outbox.run(run_id) if run_id else outbox.create_run()
        self.run_id = self.folder.run_id
        self.spools = [Spool(self.folder), Spool(self.folder)]
        self.num_published = 0

    def publish(self, kind, spool=0, **fields):
        self.spools[spool].publish(kind(grid_search_id=self.run_id, **fields))
        self.num_published += 1

    def start(self):
        write_atomically(self.folder.config_path("grid_search_config.yml"), "a: 1 # ü\n")
        write_atomically(self.folder.config_path("run_config.yml"), "b: 2\n")
        write_atomically(self.folder.experiment_config_path(0), '{"lr": 0.1}')
        self.publish(
            RunStarted, config_hash="0", source={}, entry_command=[], num_experiments=1, environment={"host": "here"}
        )
        self.publish(ExperimentConfig, experiment_id=0, job_id=0, config={"lr": 0.1})

    def results(self, number, spool=0):
        for epoch in range(number):
            self.publish(EvaluationResult, spool, experiment_id=0, epoch=epoch, metric_scores=[], loss_scores=[])

    def checkpoint(self, kind, epoch):
        resources = [Resource(name="model.safetensors", size_bytes=len(MODEL), sha256="0")]
        self.publish(
            kind, experiment_id=0, epoch=epoch, step=epoch, resources=resources, weights_sha256="0", kept_as=["last"]
        )

    def end(self):
        for spool in self.spools:
            spool.close()


def stamps(run):
    found = [read_stamp(line) for line in LogReader(run).poll()]
    return [(each.producer, each.seq) for each in found]


def is_whole(run, staged):
    """Whether the log holds each published event once, in the order of its producer."""
    assert verify_chain(run.log_path).num_lines == staged.num_published
    by_producer = {}
    for producer, seq in stamps(run):
        assert seq == by_producer.get(producer, 0) + 1
        by_producer[producer] = seq
    return sum(by_producer.values()) == staged.num_published


@pytest.fixture
def staged(tmp_path):
    made = Staged(tmp_path / "local")
    yield made
    made.end()


@pytest.fixture
def carry():
    """Begins a carrier, which ends with the test."""
    carriers = []

    def begin(staged, servers, rest):
        carriers.append(Carrier(staged.folder, servers, rest))
        return carriers[-1]

    yield begin
    for each in carriers:
        each.close()


def mlgym_server(store, num_mute=0):
    """A server that hands each event to `store` and acknowledges it with nothing, its first connections never."""
    server = socketio.AsyncServer(async_mode="asgi")
    connections = []

    @server.on("connect")
    async def connect(connection, _environ):
        connections.append(connection)

    @server.on("mlgym_event")
    async def mlgym_event(connection, event):
        if connections.index(connection) < num_mute:
            await asyncio.Event().wait()
        store(event)

    return service.Service(application=socketio.ASGIApp(server))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


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


@pytest.fixture
def impatient(monkeypatch):
    """Does not wait long for a server that knows no `hello`."""
    monkeypatch.setattr("mlgym_core.publish.batches.HELLO_S", 0.2)


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


def test_the_run_lives_on_the_server_while_it_is_carried(staged, carry, board, until):
    carrier = carry(staged, [board.url], board.url)
    staged.start()
    carrier.carry_once()
    run = board.storage.run(staged.run_id)
    until(lambda: liveness(run) == "alive")
    assert liveness(staged.folder) == "alive"
    carrier.close()
    until(lambda: liveness(run) == "lost")


def test_a_server_that_is_killed_again_and_again_gets_each_event_once(staged, carry, command, storage_path):
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    def serve():
        server = command("--event_storage_path", storage_path, "--port", port)
        server.read_line()
        return server

    server = serve()
    carrier = carry(staged, [url], url)
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


def test_a_server_that_is_away_holds_up_nothing_and_a_later_carrier_goes_on(staged, carry, start, tmp_path):
    away = f"http://127.0.0.1:{free_port()}"
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


def test_each_server_gets_all_and_one_that_is_away_does_not_hold_up_the_other(staged, carry, board, until):
    away = f"http://127.0.0.1:{free_port()}"
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


@pytest.mark.usefixtures("impatient")
def test_a_server_of_mlgym_acknowledges_with_nothing(staged, carry, start, board):
    stored = []
    mlgym = start(lambda _settings: mlgym_server(stored.append))
    carrier = carry(staged, [mlgym.url], board.url)
    staged.start()
    staged.results(300)
    staged.end()
    assert carrier.drain(PATIENCE_S) == 0
    assert stored == [json.loads(line) for line in LogReader(staged.folder).poll()]
    assert set(stored[0]) == {"event_type", "creation_ts", "payload", "x"}


@pytest.mark.usefixtures("impatient")
def test_a_server_that_does_not_acknowledge_is_left_and_tried_again(staged, carry, start, board, monkeypatch):
    monkeypatch.setattr("mlgym_core.publish.singles.ACKNOWLEDGEMENT_S", 0.2)
    stored = []
    mute = start(lambda _settings: mlgym_server(stored.append, num_mute=1))
    carrier = carry(staged, [mute.url], board.url)
    staged.start()
    staged.end()
    assert carrier.drain(PATIENCE_S) == 0
    assert [event["event_type"] for event in stored] == ["run_started", "experiment_config"]


def test_without_an_endpoint_for_files_they_stay(staged, carry, board):
    carrier = carry(staged, [board.url], None)
    staged.start()
    staged.end()
    assert carrier.drain(PATIENCE_S) == 0
    carrier.close()
    assert is_whole(board.storage.run(staged.run_id), staged)
    assert staged.folder.config_path("grid_search_config.yml").exists()


def test_two_cannot_carry_one_run(staged, carry, board):
    carry(staged, [board.url], board.url)
    with pytest.raises(StoreError) as refusal:
        Carrier(staged.folder, [board.url], board.url)
    assert refusal.value.code == "MG404"


def test_a_server_that_is_away_is_told_of_once_not_at_each_try(staged, carry, caplog):
    url = f"http://127.0.0.1:{free_port()}"
    staged.results(2)
    staged.start()
    carrier = carry(staged, [url], url)

    assert carrier.drain(1.0) == 4

    told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert sorted(message.partition("; ")[2] for message in told) == [
        "0 events acknowledged, trying again",
        "files wait, trying again",
    ]
    assert list(carrier.obstacles) == [url]


def port_of(board):
    return int(board.url.rpartition(":")[2])


@pytest.mark.parametrize("mode", ["swallow", "deaf", "reset"])
def test_a_way_that_is_disturbed_loses_nothing_and_doubles_nothing(staged, carry, board, proxy, monkeypatch, mode):
    monkeypatch.setattr("mlgym_core.publish.batches.ACKNOWLEDGEMENT_S", 0.5)
    proxy.target = port_of(board)
    carrier = carry(staged, [proxy.url], board.url)
    staged.start()
    for turn in range(4):
        proxy.disturb(mode if turn % 2 else "pass")
        staged.results(200)
        staged.results(200, spool=1)
        for _ in range(5):
            carrier.carry_once()
            time.sleep(0.02)
    proxy.disturb("pass")
    staged.end()
    assert carrier.drain(PATIENCE_S) == 0
    assert is_whole(board.storage.run(staged.run_id), staged)
    assert proxy.num_connections > 1


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
        until(lambda num_there=num_there: run.log_path.exists() and len(LogReader(run).poll()) >= num_there * 300)
        process.kill()
        process.wait()
    staged.end()
    carrier = carry(staged, [board.url], board.url)
    assert carrier.drain(PATIENCE_S) == 0
    assert is_whole(run, staged)


def test_with_too_much_waiting_the_spools_are_left_to_fill(staged, board, tmp_path):
    away = f"http://127.0.0.1:{free_port()}"
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


def test_checkpoints_that_wait_count_as_long_as_they_are_there(staged):
    away = f"http://127.0.0.1:{free_port()}"
    carrier = Carrier(staged.folder, [away], away, most_waiting_bytes=2 * len(MODEL) + 100_000)
    staged.start()  # whose files cannot be uploaded, so that nothing behind it is
    for epoch in range(6):
        staged.checkpoint(CheckpointSaved, epoch)
        if epoch:
            staged.checkpoint(CheckpointDeleted, epoch - 1)
        carrier.carry_once()
    assert carrier.num_waiting == staged.num_published  # each is deleted when the next is there
    for epoch in (6, 7, 8):
        staged.checkpoint(CheckpointSaved, epoch)
        carrier.carry_once()
    assert carrier.num_waiting == staged.num_published - 1
    carrier.close()


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


def test_a_stale_attempt_is_fenced_and_what_it_published_stays_here(staged, carry, board, tmp_path, caplog):
    def attempt(run, number):
        fields = {"device": "cpu", "host": "here", "pid": 1, "threads": 1, "versions": {}}
        run.publish(AttemptStarted, experiment_id=0, attempt=number, **fields)

    staged.start()
    attempt(staged, 1)
    carrier = carry(staged, [board.url], board.url)
    assert carrier.drain(PATIENCE_S) == 0
    newer = Staged(tmp_path / "elsewhere", staged.run_id)
    attempt(newer, 2)
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


def test_runs_of_two_machines_that_begin_in_one_second_do_not_share_a_name(board, tmp_path):
    now = datetime(2026, 1, 2, 12, 0, 59)
    is_free = partial(reserve, board.url, None)
    names = [EventStorage(tmp_path / each).outbox.create_run(now, is_free=is_free).run_id for each in "abc"]
    assert names == ["2026-01-02--12-00-59", "2026-01-02--12-01-00", "2026-01-02--12-01-01"]
    assert board.storage.create_run(now).run_id == "2026-01-02--12-01-02"
    assert board.get("/api/runs").json() == []


def test_a_run_begins_without_a_server_that_is_away(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}"
    assert reserve(url, None, "r")
    assert reserve(None, None, "r")
