"""Version 2 of the socket's protocol, its subscribing half: what a client is sent is the log from its offset on."""

import json
import random
import re
import threading

import psutil
import pytest

from mlgym_core.events.folder import EventStorage
from mlgym_core.events.log import LogWriter

RUN = "2026-11-21--10-00-00"
TEXT = "x" * 300


def lines(first, last):
    return [
        json.dumps(
            {
                "event_type": "note",
                "creation_ts": 1669234123870175,
                "payload": {"grid_search_id": RUN, "text": f"{TEXT}{seq}", "by": "test"},
            },
            separators=(",", ":"),
        ).encode()
        for seq in range(first, last + 1)
    ]


def hello(client):
    return client.call("hello", {"v": 2, "producer": "p", "grid_search_id": RUN})


@pytest.fixture
def run(board):
    return board.storage.run(RUN)


@pytest.fixture
def log(run):
    writer = LogWriter(run)
    yield writer
    writer.close()


def write(log, first, last):
    log.append("p", first, lines(first, last))
    log.commit()


def test_history_and_what_follows_are_the_bytes_of_the_log(subscribe, run, log):
    write(log, 1, 7_000)
    client = subscribe()
    assert client.join([RUN]) == {"rooms": [RUN]}
    history, names = client.slices(0, 7_000)
    assert history == run.log_path.read_bytes()
    assert set(names) == {"history"}
    assert len(names) == 4  # of about a megabyte each
    for number in range(7_001, 7_004):
        write(log, number, number)
        live, names = client.slices(number - 1, 1)
        assert live == run.log_path.read_bytes().splitlines(keepends=True)[-1]
        assert names == ["live"]


def test_a_subscriber_goes_on_where_it_was(subscribe, run, log):
    write(log, 1, 500)
    whole = run.log_path.read_bytes().splitlines(keepends=True)
    client = subscribe()
    for offset in (0, 1, 250, 499):
        client.join([RUN], from_offset=offset)
        assert client.slices(offset, 500 - offset)[0] == b"".join(whole[offset:])
    client.join([RUN], from_offset={RUN: 499, "another": 7})
    assert client.slices(499, 1)[0] == whole[499]
    client.join([RUN], from_offset=500)
    write(log, 501, 501)
    assert client.slices(500, 1)[0] == run.log_path.read_bytes().splitlines(keepends=True)[-1]


def test_an_offset_that_the_log_does_not_have_is_refused(subscribe, log):
    write(log, 1, 5)
    client = subscribe()
    for offset, code in ((6, "MG402"), (-1, "MG401"), ("x", "MG401"), (1.5, "MG401"), (True, "MG401")):
        answer = client.join([RUN], from_offset=offset)
        assert answer["error"]["code"] == code
    assert "it has 5 events" in client.join([RUN], from_offset=6)["error"]["hint"]


def test_rooms_are_bounded(connect, board):
    client = connect(transports=["websocket"])
    assert client.call("join", {"rooms": [f"r{number}" for number in range(64)], "v": 2})["rooms"]
    assert client.call("join", {"rooms": ["r1", "r63"], "v": 2}) == {"rooms": ["r1", "r63"]}
    assert client.call("join", {"rooms": ["another"], "v": 2})["error"]["code"] == "MG407"
    assert "\nmlgym_subscribers 64.0\n" in board.get("/metrics").text
    client.close()


def test_those_who_join_in_the_midst_get_all_from_their_offset(subscribe, connect, run, until):
    publisher = connect(transports=["websocket"])
    hello(publisher)
    rng = random.Random(5)
    begun, answers = [], []

    def publish():
        for first in range(1, 6_001, 100):
            answers.append(publisher.call("batch", b"\n".join(lines(first, first + 99)))["last_seq"])
            until(lambda least=first // 1_000: len(begun) >= least)  # however slowly they come

    thread = threading.Thread(target=publish)
    thread.start()
    while thread.is_alive() and len(begun) < 100:
        client = subscribe()
        known = run.log_path.read_bytes().count(b"\n") if run.log_path.exists() else 0
        offset = rng.randrange(known // 2 + 1)
        assert client.join([RUN], from_offset=offset) == {"rooms": [RUN]}
        begun.append((client, offset))
    thread.join()
    whole = run.log_path.read_bytes().splitlines(keepends=True)
    assert answers == list(range(100, 6_001, 100))
    assert len(whole) == 6_000
    assert len(begun) >= 5
    for client, offset in begun:
        assert client.slices(offset, 6_000 - offset)[0] == b"".join(whole[offset:])


def test_clients_that_take_nothing_cost_no_memory_and_hold_nobody_up(command, connect, subscribe, storage_path):
    """60 MB go past ten clients that stopped reading: kept for them, they would be 600 MB."""
    server = command("--event_storage_path", storage_path, "--port", 0)
    url = re.search(r"http://[\w.:]+", server.read_line())[0]
    memory = psutil.Process(server.process.pid).memory_info
    for _ in range(10):
        subscribe(url).join([RUN])
    fast, publisher = subscribe(url), connect(url, transports=["websocket"])
    fast.join([RUN])
    hello(publisher)
    used = []
    for first in range(1, 120_001, 2_000):
        assert publisher.call("batch", b"\n".join(lines(first, first + 1_999)))["last_seq"] == first + 1_999
        fast.slices(first - 1, 2_000)
        used.append(memory().rss)
    assert EventStorage(storage_path).run(RUN).log_path.stat().st_size > 60_000_000
    assert max(used) - used[4] < 60_000_000
    assert max(used) < 300_000_000
