"""Version 2 of the socket's protocol, its publishing half: what is acknowledged is in the log, each event once."""

import functools
import hashlib
import json
import random
import re
import threading
from collections import Counter

import pytest
import socketio

from ml_board import service
from ml_board.access.auth import Auth, Token
from mlgym_core.events.folder import EventStorage
from mlgym_core.events.lock import liveness
from mlgym_core.events.log import LogWriter
from mlgym_core.events.spool import Spool
from mlgym_core.events.types import RunEnded
from mlgym_core.events.verify import verify_chain

RUN = "2026-11-21--10-00-00"
NO_LINE_BEFORE = "0" * 64


def line(seq, producer=None, run_id=RUN, prev=None, event_type="note", **payload):
    event = {"event_type": event_type, "creation_ts": 1669234123870175 + seq}
    event["payload"] = {"grid_search_id": run_id, "text": f"{producer}-{seq}", "by": "test", **payload}
    if producer:
        event["x"] = {"producer": producer, "seq": seq, **({"prev": prev} if prev else {})}
    return json.dumps(event, separators=(",", ":")).encode()


def stamped(producer, first, last, **options):
    return b"\n".join(line(seq, producer, **options) for seq in range(first, last + 1))


def plain(first, last):
    return b"\n".join(line(seq) for seq in range(first, last + 1))


def hello(client, producer="p", run_id=RUN, **further):
    return client.call("hello", {"v": 2, "producer": producer, "grid_search_id": run_id, **further})


def stamps(run):
    """(producer, seq) of each line that is whole by now, which are checked to be chained."""
    found, prev = [], NO_LINE_BEFORE
    for each in run.log_path.read_bytes().split(b"\n")[:-1]:
        stamp = json.loads(each)["x"]
        assert stamp["prev"] == prev
        prev = hashlib.sha256(each).hexdigest()
        found.append((stamp["producer"], stamp["seq"]))
    return found


def url_of(text):
    return re.search(r"http://[\w.:]+", text)[0]


@pytest.fixture
def publisher(connect):
    return connect(transports=["websocket"])


@pytest.fixture
def run(board):
    return board.storage.run(RUN)


def test_the_server_says_where_to_go_on(publisher, run):
    assert hello(publisher) == {
        "last_seq": 0, "max_batch_bytes": 8 * 2**20 + 2**16, "head": NO_LINE_BEFORE, "last_seqs": {},
    }  # fmt: skip
    assert not run.path.exists()  # whoever only asks makes no run
    answer = publisher.call("batch", plain(1, 10))
    head = hashlib.sha256(run.log_path.read_bytes().splitlines()[-1]).hexdigest()
    assert answer == {"last_seq": 10, "head": head, "last_seqs": {"p": 10}}
    assert hello(publisher, producers=["p", "q"]) == {
        "last_seq": 10, "max_batch_bytes": 8 * 2**20 + 2**16, "head": head, "last_seqs": {"p": 10, "q": 0},
    }  # fmt: skip
    assert publisher.call("batch", plain(11, 12) + b"\n")["last_seq"] == 12
    assert stamps(run) == [("p", seq) for seq in range(1, 13)]


def test_a_line_comes_into_the_log_as_it_was_sent(publisher, run):
    hello(publisher)
    publisher.call("batch", plain(1, 3))
    stored = run.log_path.read_bytes().splitlines()
    assert [each[: each.index(b',"x":')] + b"}" for each in stored] == plain(1, 3).split(b"\n")


@pytest.mark.parametrize("transports", [["websocket"], ["polling"]])
def test_publishers_that_send_each_batch_twice_have_each_event_once(board, connect, run, transports):
    def publish(producer):
        client = connect(transports=transports)
        hello(client, producer)
        for first in range(1, 201, 20):
            data = stamped(producer, first, first + 19)
            for _ in range(2):
                assert client.call("batch", data)["last_seq"] == first + 19

    threads = [threading.Thread(target=publish, args=(f"p{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = stamps(run)
    for number in range(3):
        assert [seq for producer, seq in found if producer == f"p{number}"] == list(range(1, 201))
    metrics = board.get("/metrics").text
    assert "\nmlgym_events_total 600.0\n" in metrics
    assert "\nmlgym_duplicates_total 600.0\n" in metrics
    assert "\nmlgym_publishers 3.0\n" in metrics


def test_one_batch_holds_events_of_several_producers_in_their_order(publisher, run):
    hello(publisher, "a", producers=["a", "b"])
    order = [("a", 1), ("b", 1), ("b", 2), ("a", 2), ("b", 3)]
    lines = [line(seq, producer, prev="f" * 64) for producer, seq in order]  # a sender's chain is its own
    answer = publisher.call("batch", b"\n".join(lines))
    assert (answer["last_seq"], answer["last_seqs"]) == (3, {"a": 2, "b": 3})
    assert stamps(run) == order


def test_a_gap_is_told_and_a_batch_is_taken_whole_or_not_at_all(publisher, run):
    hello(publisher, "a")
    publisher.call("batch", stamped("a", 1, 2))
    answer = publisher.call("batch", stamped("a", 3, 4) + b"\n" + stamped("b", 2, 3))
    assert (answer["err"], answer["producer"], answer["last_seq"]) == ("gap", "b", 0)
    answer = publisher.call("batch", stamped("a", 4, 5))
    assert (answer["err"], answer["producer"], answer["last_seq"]) == ("gap", "a", 2)
    assert stamps(run) == [("a", 1), ("a", 2)]
    assert publisher.call("batch", stamped("a", 3, 5) + b"\n" + stamped("b", 1, 3))["last_seqs"] == {"a": 5, "b": 3}


def test_other_content_under_a_known_number_is_a_conflict_and_an_alarm(board, publisher, run):
    hello(publisher)
    publisher.call("batch", stamped("p", 1, 5))
    answer = publisher.call("batch", line(3, "p", text="another"))
    assert (answer["err"], answer["producer"], answer["last_seq"]) == ("conflict", "p", 5)
    assert publisher.call("batch", stamped("p", 6, 6))["last_seq"] == 6
    assert stamps(run) == [("p", seq) for seq in range(1, 7)]
    health = board.get("/healthz").json()
    assert health["status"] == "degraded"
    assert [(each["reason"], each["run_id"]) for each in health["alarms"]] == [("conflict", RUN)]


def test_a_stale_attempt_is_fenced(publisher, run):
    def attempt(producer, seq, number):
        further = {"experiment_id": 0, "attempt": number, "device": "cpu", "host": "h", "pid": 1, "resumed_from": None}
        return line(seq, producer, event_type="attempt_started", threads=1, versions={}, **further)

    hello(publisher, "old")
    assert publisher.call("batch", attempt("old", 1, 1) + b"\n" + stamped("old", 2, 5))["last_seq"] == 5
    assert publisher.call("batch", attempt("new", 1, 2))["last_seqs"] == {"new": 1}
    answer = publisher.call("batch", stamped("old", 6, 9))
    assert (answer["err"], answer["producer"], answer["last_seq"]) == ("fenced", "old", 5)
    assert publisher.call("batch", stamped("new", 2, 4))["last_seq"] == 4
    assert Counter(producer for producer, _ in stamps(run)) == {"old": 5, "new": 4}


def test_what_is_no_sound_line_is_refused_with_its_whole_batch(publisher, run):
    hello(publisher)
    publisher.call("batch", line(1))
    for data in [
        b"no JSON", b"{}", b"[]", b"\xff\xfe", line(1, run_id="another"), line(1)[:-1], b"\n\n" + line(1),
        line(1).replace(b'"by":"test"', b'"by":"\xff"'),
        line(1).replace(b"}}", b'},"x":{"producer":"../p","seq":1}}'), b"[" * 100_000,
        line(1).replace(b"}}", b'},"x":{"producer":"p","seq":0}}'), plain(1, 3) + b"\n" + line(4, run_id="another"),
    ]:  # fmt: skip
        answer = publisher.call("batch", data)
        assert (answer["err"], answer["producer"], answer["last_seq"]) == ("malformed", "p", 1)
        assert "line " in answer["message"]
    assert publisher.call("batch", line(2))["last_seq"] == 2
    assert stamps(run) == [("p", 1), ("p", 2)]


def test_a_number_that_is_not_finite_is_stored_as_null(publisher, run):
    hello(publisher)
    publisher.call("batch", line(1, text="x").replace(b'"x"', b"1e999") + b"\n" + line(2).replace(b'"None-2"', b"NaN"))
    assert [json.loads(each)["payload"]["text"] for each in run.log_path.read_bytes().splitlines()] == [None, None]


def test_a_greeting_that_makes_no_sense_is_refused(board, publisher):
    for data, words in [
        (None, "hello takes"), ("p", "hello takes"), ({"v": 3, "producer": "p", "grid_search_id": RUN}, "hello takes"),
        ({"v": 2, "producer": "../p", "grid_search_id": RUN}, "is no producer"),
        ({"v": 2, "producer": "p", "grid_search_id": "../evil"}, "is no run id"),
        ({"v": 2, "producer": "p", "grid_search_id": "mlgym_event_publishers"}, "no run"),
        ({"v": 2, "producer": "p", "grid_search_id": RUN, "producers": ["a/b"]}, "is no producer"),
        ({"v": 2, "producer": "p", "grid_search_id": RUN, "producers": ["a"] * 10_001}, "producers"),
    ]:  # fmt: skip
        answer = publisher.call("hello", data)
        assert answer["err"] == "malformed"
        assert words in answer["message"]
        assert publisher.call("batch", line(1))["err"] == "malformed"
    assert list(board.storage.path.iterdir()) == []


def test_a_batch_that_is_not_binary_is_refused(publisher):
    hello(publisher)
    for data in (None, "text", 3, {}, [line(1).decode()], {"lines": "x"}):
        assert publisher.call("batch", data)["err"] == "malformed"
    assert publisher.call("batch", line(1))["last_seq"] == 1


def test_a_batch_before_hello_is_refused(publisher, board):
    answer = publisher.call("batch", line(1))
    assert (answer["err"], answer["hint"]) == ("malformed", "say hello first")
    assert list(board.storage.path.iterdir()) == []


def test_a_batch_has_the_size_that_hello_tells_of(publisher, run):
    most = hello(publisher)["max_batch_bytes"]
    answer = publisher.call("batch", b"\n" * (most + 1))
    assert (answer["err"], "are allowed" in answer["message"]) == ("too_large", True)
    largest = line(1, text="x" * (8 * 2**20 - 200))
    assert publisher.call("batch", largest)["last_seq"] == 1
    assert run.log_path.stat().st_size > 8 * 2**20 - 200


def test_a_log_that_another_process_writes_is_tried_again_later(publisher, run):
    writer = LogWriter(run)
    answer = hello(publisher)
    assert (answer["err"], answer["retry_after"]) == ("storage_full", 1.0)
    assert "is being written by another process" in answer["message"]
    writer.close()
    assert hello(publisher)["last_seq"] == 0
    assert publisher.call("batch", line(1))["last_seq"] == 1


def test_damage_inside_a_log_makes_it_read_only_and_is_told(board, publisher, run):
    writer = LogWriter(run)
    writer.append("p", 1, plain(1, 3).split(b"\n"))
    writer.commit()
    writer.close()
    sound = run.log_path.read_bytes()
    at = sound.index(b"None-1") + 5
    damaged = sound[:at] + b"7" + sound[at + 1 :]  # one byte
    run.log_path.write_bytes(damaged)
    assert hello(publisher)["err"] == "read_only"
    assert [each["reason"] for each in board.get("/healthz").json()["alarms"]] == ["damaged"]
    assert run.log_path.read_bytes() == damaged


def test_a_run_lives_while_its_publisher_is_connected(publisher, run, until):
    hello(publisher)
    publisher.call("batch", line(1))
    assert liveness(run) == "alive"
    publisher.close()
    until(lambda: liveness(run) == "lost")


def test_what_others_append_is_merged_while_somebody_publishes(publisher, run, until):
    hello(publisher)
    publisher.call("batch", plain(1, 5))
    spool = Spool(run)
    spool.publish(RunEnded(grid_search_id=RUN, reason="stopped", counts={}))
    spool.close()
    until(lambda: len(stamps(run)) == 6)
    assert publisher.call("batch", plain(6, 9))["last_seq"] == 9
    assert Counter(producer for producer, _ in stamps(run)) == {"p": 9, spool.producer: 1}


def test_a_token_is_needed_and_has_its_rights(start, connect):
    tokens = [
        Token(secret="r" * 20, name="reader", rights=frozenset({"read"})),
        Token(secret="w" * 20, name="writer", rights=frozenset({"write"})),
        Token(secret="o" * 20, name="old", rights=frozenset({"read", "write"}), expires_at=1.0),
    ]
    url = start(functools.partial(service.create_board, auth=Auth(tokens))).url
    for auth in (None, {"token": "wrong"}, {"token": "o" * 20}, {"token": 3}, "w" * 20):
        with pytest.raises(socketio.exceptions.ConnectionError):
            connect(url, auth=auth)
    writer = connect(url, auth={"token": "w" * 20})
    hello(writer)
    assert writer.call("batch", line(1))["last_seq"] == 1
    assert writer.call("join", {"rooms": [RUN], "v": 2})["error"]["code"] == "MG606"
    assert writer.call("watch", {"run_id": RUN})["error"]["code"] == "MG606"
    reader = connect(url, auth={"token": "r" * 20})
    assert reader.call("join", {"rooms": [RUN], "v": 2}) == {"rooms": [RUN]}
    assert hello(reader)["err"] == "unauthorized"
    assert reader.call("batch", line(2))["err"] == "unauthorized"
    assert reader.call("mlgym_event", json.loads(line(2)))["error"]["code"] == "MG606"


def test_kills_of_the_server_and_of_connections_lose_and_repeat_nothing(command, connect, storage_path):
    run = EventStorage(storage_path).run(RUN)
    rng = random.Random(3)
    acknowledged, kept = 0, b""
    for life in range(4):
        server = command("--event_storage_path", storage_path, "--port", 0)
        url = url_of(server.read_line())
        for connection in range(2):
            client = connect(url, transports=["websocket"])
            seq = hello(client)["last_seq"]
            assert seq >= acknowledged
            for _ in range(rng.randrange(1, 6)):
                size = rng.randrange(1, 200)
                first = max(1, seq + 1 - rng.randrange(3))  # some of it was sent before
                answer = client.call("batch", stamped("p", first, seq + size))
                assert answer["last_seq"] == seq + size
                acknowledged = seq = seq + size
            assert run.log_path.read_bytes().startswith(kept)  # a log only grows
            kept = run.log_path.read_bytes()
            client.socket.emit("batch", stamped("p", seq + 1, seq + 500))  # whose answer nobody waits for
            if connection == 0:
                client.close()
        server.process.kill()
        server.end()
        if life % 2:  # and nobody writes beside it any more
            with run.log_path.open("ab") as log:
                log.write(b'{"event_type":"torn')
    server = command("--event_storage_path", storage_path, "--port", 0)
    last = hello(connect(url_of(server.read_line()), transports=["websocket"]))["last_seq"]
    assert last >= acknowledged
    assert stamps(run) == [("p", each) for each in range(1, last + 1)]
    assert verify_chain(run.log_path).num_lines == last
    assert run.torn_path.read_bytes().count(b"torn") == 2
