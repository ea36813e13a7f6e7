"""Version 1 of the socket's protocol, as MLgym's publisher and board speak it."""

import json
import logging
import math
import tracemalloc

import pytest
import requests
import websocket

from mlgym_core.events.codec import encode_foreign
from mlgym_core.events.lock import liveness
from mlgym_core.events.log import LogWriter
from mlgym_core.events.verify import verify_chain

RUN = "2022-11-23--20-08-38"
WEBSOCKET = ["websocket"]


def status(number=0, run_id=RUN, **further):
    payload = {
        "job_id": f"{run_id}-0", "job_type": 1, "status": "RUNNING", "grid_search_id": run_id, "experiment_id": 0,
        "starting_time": number, "finishing_time": -1, "device": "cpu", "error": "", "stacktrace": "",
    }  # fmt: skip
    return {"event_type": "job_status", "creation_ts": 1669234123870175 + number, "payload": payload, **further}


def numbers(events):
    return [(event_id, event["payload"]["starting_time"]) for event_id, event in events]


def log_of(board, run_id=RUN):
    return [json.loads(line) for line in board.storage.run(run_id).log_path.read_text().splitlines()]


def events_on(bare, number):
    """The next events, in the order in which they are sent."""
    found = []
    while len(found) < number:
        text = bare.recv_message()
        if text.startswith('42["mlgym_event"'):
            message = json.loads(text[2:])[1]
            found += message["data"] if message["event_id"] == "batched_events" else [message]
    return found


def without_stamp(event):
    return {key: value for key, value in event.items() if key != "x"}


@pytest.mark.parametrize("transports", [WEBSOCKET, ["polling"], None])
def test_an_event_is_stored_and_goes_to_its_room(board, connect, transports):
    subscriber = connect(transports=transports)
    subscriber.call("join", {"rooms": [RUN]})
    publisher = connect(transports=transports)
    publisher.call(
        "join", {"client_id": "mlgym_streamed_logger", "rooms": ["mlgym_event_publishers", "mlgym_streamed_logger"]}
    )
    for number in range(3):
        assert publisher.call("mlgym_event", status(number)) == {"event_id": number}
    received = subscriber.events(3)
    assert [without_stamp(event) for _, event in received] == [status(number) for number in range(3)]
    assert [event_id for event_id, _ in received] == [0, 1, 2]
    assert log_of(board) == [event for _, event in received]
    assert verify_chain(board.storage.run(RUN).log_path).num_lines == 3


def test_a_publisher_that_waits_for_nothing_keeps_its_order(board, connect, wire):
    publisher = connect(transports=WEBSOCKET)
    subscriber = wire(board.url)
    subscriber.send("42" + json.dumps(["join", {"rooms": [RUN]}]))
    for number in range(500):
        publisher.socket.emit("mlgym_event", status(number))
    received = events_on(subscriber, 500)
    assert [message["event_id"] for message in received] == list(range(500))
    assert [message["data"]["payload"]["starting_time"] for message in received] == list(range(500))


def test_a_burst_over_polling_is_taken(board, connect):
    publisher = connect(transports=["polling"])
    for number in range(300):
        publisher.socket.emit("mlgym_event", status(number))
    assert publisher.call("mlgym_event", status(300)) == {"event_id": 300}


def test_history_comes_in_a_batch_and_again_with_each_join(connect):
    publisher = connect(transports=WEBSOCKET)
    for number in range(20):
        publisher.call("mlgym_event", status(number))
    subscriber = connect()
    for _ in range(2):
        subscriber.call("join", {"rooms": [RUN]})
        batch = subscriber.next("mlgym_event")
        assert batch["event_id"] == "batched_events"
        assert [each["event_id"] for each in batch["data"]] == list(range(20))
    publisher.call("mlgym_event", status(20))
    live = subscriber.next("mlgym_event")
    assert live["event_id"] == 20
    assert without_stamp(live["data"]) == status(20)


def test_a_browser_is_told_of_history_event_by_event_for_mlgyms_board_knows_no_batches(board, connect):
    publisher = connect(transports=WEBSOCKET)
    for number in range(3):
        publisher.call("mlgym_event", status(number))
    address = f"{board.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket"
    page = websocket.create_connection(address, timeout=30, header=["User-Agent: Mozilla/5.0 (X11; Linux x86_64)"])
    page.send("40")
    page.send("42" + json.dumps(["join", {"rooms": [RUN]}]))
    received: list[dict] = []
    while len(received) < 3:
        text = page.recv()
        if text.startswith('42["mlgym_event"'):
            received.append(json.loads(text[2:])[1])
    assert numbers((each["event_id"], each["data"]) for each in received) == [(0, 0), (1, 1), (2, 2)]
    page.shutdown()


def checkpoint(epoch, streams, **further):
    payload = {"grid_search_id": RUN, "experiment_id": 0, "checkpoint_id": epoch, "checkpoint_streams": streams}
    return {"event_type": "checkpoint", "creation_ts": 1, "payload": payload | further}


def test_a_checkpoint_of_mlgyms_publisher_is_files_and_no_line_of_the_log(board, connect):
    publisher = connect(transports=WEBSOCKET)
    publisher.call("mlgym_event", status())
    run = board.storage.run(RUN)
    for epoch in range(3):
        kept = {"model": b"weights", "optimizer": b"moments", "stateful_components": b"s%d" % epoch}
        assert publisher.call("mlgym_event", checkpoint(epoch, kept)) == {}
        assert publisher.call("mlgym_event", checkpoint(epoch - 1, dict.fromkeys(kept))) == {} or epoch == 0
    assert run.checkpoint_epochs(0) == [2]
    assert board.get(f"/checkpoints/{RUN}/0/2/stateful_components").content == b"s2"
    assert board.get(f"/checkpoints/{RUN}/0/2/model.pickle").content == b"weights"
    assert len(log_of(board)) == 1


@pytest.mark.parametrize(
    "event",
    [
        checkpoint(1, {"model": b"w"}, grid_search_id="../out"),
        checkpoint(1, {"model": b"w"}, grid_search_id="mlgym_event_publishers"),
        checkpoint(1, {"model": b"w"}, experiment_id="../1"),
        checkpoint("..", {"model": b"w"}),
        checkpoint(1, {"../model": b"w"}),
        checkpoint(1, {"model": "w"}),
        checkpoint(1, None),
        checkpoint(1, {}) | {"payload": []},
    ],
)
def test_what_is_no_checkpoint_is_refused_and_leaves_nothing_behind(board, connect, tmp_path, event):
    publisher = connect(transports=WEBSOCKET)
    assert publisher.call("mlgym_event", event)["error"]["code"] in ("MG401", "MG407")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert publisher.call("mlgym_event", status()) == {"event_id": 0}


def test_a_long_history_comes_in_bounded_messages(connect):
    publisher = connect(transports=WEBSOCKET)
    long = "x" * 400_000
    for number in range(8):
        publisher.call("mlgym_event", status(number, note=long))
    subscriber = connect(transports=WEBSOCKET)
    subscriber.call("join", {"rooms": [RUN]})
    found = []
    while len(found) < 8:
        batch = subscriber.next("mlgym_event")["data"]
        assert len(json.dumps(batch)) < 2_500_000
        found += [each["event_id"] for each in batch]
    assert found == list(range(8))


def test_a_publisher_in_the_room_gets_its_own_events(connect):
    publisher = connect(transports=WEBSOCKET)
    publisher.call("join", {"rooms": [RUN]})
    publisher.call("mlgym_event", status())
    assert numbers(publisher.events(1)) == [(0, 0)]


def test_ping_is_answered_with_pong(connect):
    client = connect()
    client.socket.emit("ping")
    assert client.next("pong") is None


def test_leave_disconnects(connect):
    client = connect()
    client.call("join", {"rooms": [RUN]})
    client.socket.emit("leave", None)
    assert client.next("disconnect")


@pytest.mark.parametrize("room", ["mlgym_event_publishers", "mlgym_streamed_logger"])
def test_rooms_of_publishers_are_no_runs(board, connect, room):
    client = connect()
    client.call("join", {"rooms": [room]})
    assert "error" in client.call("mlgym_event", status(run_id=room))
    assert board.get("/api/runs").json() == []
    assert not (board.storage.path / room).exists()


@pytest.mark.parametrize("room", ["../evil_room", "/etc", "", ".hidden", "a/b", 3, None, ["r"], "a" * 200])
def test_what_is_no_run_id_is_refused_and_leaves_nothing_behind(board, connect, room, tmp_path):
    client = connect()
    assert client.call("join", {"rooms": [room]})["error"]["code"] == "MG401"
    assert "is no run id" in client.next("server_log_message")
    assert client.call("mlgym_event", status(run_id=room))["error"]["code"] == "MG401"
    assert client.call("watch", {"run_id": room})["error"]["code"] == "MG401"
    assert [each.name for each in tmp_path.iterdir()] == ["event_storage"]
    assert list(board.storage.path.iterdir()) == []


@pytest.mark.parametrize(
    "event",
    [
        None, "text", 1, [], {}, {"event_type": "job_status"},
        {"event_type": "job_status", "creation_ts": 1, "payload": []},
        {"event_type": "job_status", "creation_ts": "now", "payload": {"grid_search_id": RUN}},
        {"event_type": 5, "creation_ts": 1, "payload": {"grid_search_id": RUN}},
    ],
)  # fmt: skip
def test_what_is_no_event_is_refused_and_the_connection_goes_on(board, connect, event):
    client = connect(transports=WEBSOCKET)
    assert client.call("mlgym_event", event)["error"]["message"]
    assert client.call("mlgym_event", status()) == {"event_id": 0}
    assert len(log_of(board)) == 1


@pytest.mark.parametrize("data", [None, "text", {}, {"rooms": "r"}, {"rooms": ["r"] * 100}])
def test_a_join_without_rooms_is_refused(connect, data):
    assert connect().call("join", data)["error"]["message"]


def test_a_score_that_is_no_number_is_stored_as_null_and_flagged(board, connect):
    payload = {"grid_search_id": RUN, "experiment_id": 0, "epoch": 0, "metric_scores": []}
    payload["loss_scores"] = [{"loss": "l", "split": "val", "score": math.nan}]
    publisher = connect(transports=WEBSOCKET)
    publisher.call("mlgym_event", {"event_type": "evaluation_result", "creation_ts": 1, "payload": payload})
    (event,) = log_of(board)
    assert event["payload"]["loss_scores"] == [{"loss": "l", "split": "val", "score": None, "not_finite": "nan"}]


def test_further_event_types_do_not_go_to_clients_of_version_1(connect):
    old = connect()
    old.call("join", {"rooms": [RUN]})
    publisher = connect()
    publisher.call("mlgym_event", status(0))
    publisher.call("mlgym_event", status(1) | {"event_type": "attempt_started"})
    publisher.call("mlgym_event", status(2))
    assert numbers(old.events(2)) == [(0, 0), (2, 2)]
    again = connect()
    again.call("join", {"rooms": [RUN]})
    assert numbers(again.events(2)) == [(0, 0), (2, 2)]


def test_a_run_lives_as_long_as_its_publisher_is_connected(board, start, connect, until):
    from ml_board import service

    rest = start(service.create_rest_endpoint)
    publisher = connect(transports=WEBSOCKET)
    publisher.call("mlgym_event", status())
    (listed,) = rest.get("/api/runs").json()
    assert (listed["liveness"], listed["status"]) == ("alive", "running")
    publisher.close()
    until(lambda: liveness(board.storage.run(RUN)) == "lost")
    (listed,) = rest.get("/api/runs").json()
    assert (listed["liveness"], listed["status"]) == ("lost", "running")


def test_a_connection_of_another_origin_is_refused(board):
    path = f"{board.url}/socket.io/?EIO=4&transport=polling"
    for origin, code in [("http://evil.example", 400), ("http://board.example", 200), (board.url, 200)]:
        answer = requests.get(path, headers={"Origin": origin}, timeout=30)
        assert answer.status_code == code
        allowed = answer.headers.get("Access-Control-Allow-Origin")
        assert allowed == (origin if code == 200 else None)


def test_who_comes_with_the_session_of_a_server_that_is_gone_is_told_and_nobody_else(board, caplog):
    path = "/socket.io/?EIO=4&transport=polling&sid=of-another-life"
    answers = [board.get(path), requests.post(f"{board.url}{path}", data="3", timeout=30)]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert all("Invalid session" in answer.text for answer in answers)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_client_that_takes_nothing_costs_the_server_no_memory(board, wire):
    writer = LogWriter(board.storage.run(RUN))
    stalled = wire(board.url)
    other = wire(board.url)
    for client in (stalled, other):
        client.send("42" + json.dumps(["join", {"rooms": [RUN]}]))
    tracemalloc.start()
    try:
        for number in range(60):
            _, line = encode_foreign(status(number, note="x" * 400_000))
            writer.append("p", number + 1, [line])
            writer.commit()
            assert [message["event_id"] for message in events_on(other, 1)] == [number]
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        writer.close()
    assert most < 10_000_000
    assert [message["event_id"] for message in events_on(stalled, 60)] == list(range(60))


def test_a_log_that_mlgym_wrote_is_read_by_clients_that_know_no_nan(board, wire):
    log = board.storage.run(RUN).log_path
    log.parent.mkdir(parents=True)
    text = json.dumps(status(0) | {"note": math.nan}) + "\n" + json.dumps(status(1)) + "\n"
    log.write_text(text)
    client = wire(board.url)
    client.send("42" + json.dumps(["join", {"rooms": [RUN]}]))
    first, second = events_on(client, 2)
    assert first == {"event_id": 0, "data": status(0) | {"note": None}}
    assert second == {"event_id": 1, "data": status(1)}


def test_whoever_sends_what_is_no_packet_is_hung_up_on_and_nobody_else(board, connect, wire, capfd):
    publisher = connect(transports=WEBSOCKET)
    for message in (
        "4", "4x", "4{}", "4true", "42", "42{}", "42[]", "42[1]", '42["connect",{}]', '42["disconnect"]', "43{}",
        "44{}", "452-[]", '4599999999-["batch"]', "42" + "[" * 100_000, "4" + "9" * 200, b"no attachment", b"2", b"",
    ):  # fmt: skip
        stranger = wire(board.url)
        stranger.send(
            message, websocket.ABNF.OPCODE_BINARY if isinstance(message, bytes) else websocket.ABNF.OPCODE_TEXT
        )
        while stranger.recv_frame().opcode != websocket.ABNF.OPCODE_CLOSE:
            pass
    unwanted = wire(board.url)
    unwanted.send('42["mlgym_event",{},1,2,3]')  # arguments too many, and an event that nobody knows
    unwanted.send('427["unheard of"]')
    assert publisher.call("mlgym_event", status()) == {"event_id": 0}
    assert "Traceback" not in capfd.readouterr().err


def test_a_client_that_was_not_let_in_may_not_say_much(board):
    address = f"{board.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket"
    stranger = websocket.create_connection(address, timeout=30)
    assert stranger.recv().startswith("0{")
    stranger.send("40" + " " * 2**16)
    while stranger.recv_frame().opcode != websocket.ABNF.OPCODE_CLOSE:
        pass
    stranger.shutdown()


def test_connections_are_bounded(board, wire, monkeypatch, until):
    def is_let_in():
        try:
            return bool(wire(board.url))
        except websocket.WebSocketBadStatusException:
            return False

    monkeypatch.setattr("ml_board.socket.server.MAX_CONNECTIONS", 2)
    first = wire(board.url)
    wire(board.url)
    assert not is_let_in()
    first.shutdown()
    until(is_let_in)


def test_whoever_is_silent_is_hung_up_on(board, connect, monkeypatch):
    publisher = connect(transports=WEBSOCKET)
    monkeypatch.setattr("ml_board.socket.server._INTRODUCTION_S", 0.2)
    address = f"{board.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket"
    stranger = websocket.create_connection(address, timeout=30)
    while stranger.recv_frame().opcode != websocket.ABNF.OPCODE_CLOSE:
        pass
    stranger.shutdown()
    assert publisher.call("mlgym_event", status()) == {"event_id": 0}
