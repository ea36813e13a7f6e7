"""One server and what it answers: what is sent next, what is told, what is set aside."""

import json
import logging
import time

import pytest

from mlgym_core.publish.delivery import Delivery

PATIENCE_S = 60


@pytest.fixture
def deliver(recorded, server):
    """Begins a delivery of all that is recorded, which ends with the test."""
    begun = []
    fallen_back = []

    def begin(num_acknowledged=0, token=None):
        made = Delivery(
            recorded.folder, server.url, token, num_acknowledged, lambda: recorded.num_events, fallen_back.append
        )
        made.fallen_back = fallen_back
        begun.append(made)
        made.start()
        return made

    yield begin
    for each in begun:
        each.close(PATIENCE_S)


@pytest.fixture
def arrives(recorded):
    """Whether all that is recorded is sent in the end."""

    def wait(delivery):
        delivery.notify()
        return delivery.wait_for(recorded.num_events, time.monotonic() + PATIENCE_S)

    return wait


def test_all_arrives_as_it_stands_in_the_log(recorded, server, deliver, arrives):
    recorded.publish(500)
    recorded.publish(300, spool=1)
    delivery = deliver()
    assert arrives(delivery)
    recorded.publish(50)
    assert arrives(delivery)
    assert server.lines == recorded.lines
    assert delivery.num_acknowledged == 850
    assert delivery.num_bytes == recorded.folder.log_path.stat().st_size
    assert [each["v"] for each in server.greetings] == [2]
    assert server.greetings[0]["grid_search_id"] == recorded.folder.run_id


def test_another_process_goes_on_where_the_server_says_that_it_is(recorded, server, deliver, arrives):
    recorded.publish(100)
    recorded.publish(100, spool=1)
    first = deliver()
    assert arrives(first)
    first.close(PATIENCE_S)
    num_batches = len(server.sizes)
    again = deliver(num_acknowledged=150)
    assert arrives(again)
    assert again.num_acknowledged == 200
    assert len(server.sizes) == num_batches  # it had all: nothing was sent again
    assert again.fallen_back == []


def test_a_server_that_lost_what_it_had_gets_it_again_and_its_files_are_asked_for(recorded, server, deliver, arrives):
    recorded.publish(100)
    first = deliver()
    assert arrives(first)
    first.close(PATIENCE_S)
    server.forget()
    again = deliver(num_acknowledged=100)
    while server.lines != recorded.lines:
        time.sleep(0.01)
    assert again.fallen_back == [0]


def test_a_gap_while_it_sends_leads_back_to_what_the_server_has(recorded, server, deliver, arrives):
    recorded.publish(100)
    delivery = deliver()
    assert arrives(delivery)
    server.forget()
    recorded.publish(1)
    assert arrives(delivery)
    assert server.lines == recorded.lines


def test_a_full_disk_is_waited_for_as_long_as_the_server_says(recorded, server, deliver, arrives, caplog):
    server.answers += [{"err": "storage_full", "message": "no room", "retry_after": 0.1}] * 3
    recorded.publish(100)
    assert arrives(deliver())
    assert server.lines == recorded.lines
    assert len(server.sizes) == 4
    assert [record.getMessage() for record in caplog.records] == [f"{server.url}: no room; trying again"]


def test_batches_shrink_to_what_the_server_takes(recorded, server, deliver, arrives):
    def too_large(data):
        return {"err": "too_large", "message": "too large"} if len(data) > 10_000 else None

    server.answers += [too_large] * 40
    recorded.publish(300)
    assert arrives(deliver())
    assert server.lines == recorded.lines
    assert max(server.sizes) > 10_000
    assert 1 < len([size for size in server.sizes if size <= 10_000]) < 40


def test_batches_are_no_larger_than_the_greeting_says(recorded, server, deliver, arrives):
    server.max_batch_bytes = 5_000
    recorded.publish(200)
    assert arrives(deliver())
    assert server.lines == recorded.lines
    assert max(server.sizes) <= 5_000


@pytest.mark.parametrize("reason", ["conflict", "fenced", "malformed"])
def test_the_rest_of_a_refused_producer_is_set_aside_and_the_others_go_on(
    recorded, server, deliver, arrives, reason, caplog
):
    refused, fine = (spool.producer for spool in recorded.spools)

    def refuse(data):
        if refused.encode() in data:
            return {"err": reason, "message": "not this one", "producer": refused, "last_seq": 0}
        return None

    server.answers += [refuse] * 100
    recorded.publish(150)
    recorded.publish(150, spool=1)
    recorded.publish(50)
    delivery = deliver()
    assert arrives(delivery)
    assert server.stored == {fine: 150}
    assert delivery.set_aside == {refused: f"{reason}: not this one"}
    assert delivery.num_acknowledged == 150
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_who_is_not_let_in_is_told_once_and_does_not_knock_on_and_on(recorded, server, deliver, arrives, caplog):
    server.refusal = "a token is needed; set MLGYM_TOKEN"
    recorded.publish(10)
    delivery = deliver(token="secret-word")
    assert not delivery.wait_for(10, time.monotonic() + PATIENCE_S)
    assert delivery.obstacle == server.refusal
    time.sleep(0.3)
    assert len(server.auth) == 1
    assert [server.refusal in record.getMessage() for record in caplog.records] == [True]
    assert "secret-word" not in caplog.text
    server.refusal = None
    delivery.hurry()
    assert arrives(delivery)
    assert delivery.obstacle is None


def test_a_token_is_shown_in_the_header_and_in_the_sockets_own_way(recorded, server, deliver, arrives):
    recorded.publish(1)
    assert arrives(deliver(token="word"))
    assert (server.auth, server.headers) == ([{"token": "word"}], ["Bearer word"])


def test_a_right_that_is_taken_away_stops_it(recorded, server, deliver, arrives):
    recorded.publish(10)
    delivery = deliver()
    assert arrives(delivery)
    server.answers.append({"err": "unauthorized", "message": "this token has expired"})
    recorded.publish(10)
    assert not arrives(delivery)
    assert delivery.obstacle == "this token has expired"
    assert delivery.num_acknowledged == 10


def test_a_server_that_is_silent_is_left_and_asked_anew(recorded, server, deliver, arrives, monkeypatch):
    monkeypatch.setattr("mlgym_core.publish.batches.ACKNOWLEDGEMENT_S", 0.2)
    recorded.publish(100)
    server.is_silent = True
    delivery = deliver()
    while len(server.greetings) < 2:
        time.sleep(0.01)
    server.is_silent = False
    assert arrives(delivery)
    assert server.lines == recorded.lines
    assert len(server.greetings) > 1


def test_a_server_of_mlgym_gets_each_event_in_a_message_of_its_own(recorded, server, deliver, arrives, monkeypatch):
    monkeypatch.setattr("mlgym_core.publish.batches.HELLO_S", 0.2)
    server.is_old = True
    recorded.publish(400)
    delivery = deliver()
    assert arrives(delivery)
    assert [json.loads(line) for line in server.lines] == [json.loads(line) for line in recorded.lines]
    assert (server.sizes, delivery.num_acknowledged) == ([], 400)
    delivery.close(PATIENCE_S)
    recorded.publish(5)
    assert arrives(deliver(num_acknowledged=400))
    assert len(server.lines) == 405  # of what it has acknowledged nothing is sent again


def test_a_server_that_was_only_slow_to_answer_is_asked_again(recorded, server, deliver, arrives, monkeypatch):
    monkeypatch.setattr("mlgym_core.publish.batches.HELLO_S", 0.2)
    server.is_old = True
    server.answer_to_event = {"event_id": 0}
    recorded.publish(10)
    delivery = deliver()
    while not server.lines:
        time.sleep(0.01)
    server.is_old = False
    monkeypatch.setattr("mlgym_core.publish.batches.HELLO_S", PATIENCE_S)
    assert arrives(delivery)
    assert [line for line in server.lines if line in recorded.lines] == recorded.lines
    assert server.stored == {recorded.spools[0].producer: 10}


def test_a_log_without_events_is_sent(deliver):
    assert deliver().wait_for(0, time.monotonic())


@pytest.mark.parametrize("answer", [None, "fine", 3, [], {"err": "nobody knows"}, {"err": "fenced", "producer": 7}])
def test_an_answer_that_makes_no_sense_loses_nothing(recorded, server, deliver, arrives, answer):
    recorded.publish(10)
    recorded.publish(10, spool=1)
    server.answers.append(lambda _data: answer if answer is not None else [])
    assert arrives(deliver())
    assert server.lines == recorded.lines
