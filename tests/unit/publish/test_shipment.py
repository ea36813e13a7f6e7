"""A log and its files on their way to several servers."""

import json
import os
import time

import pytest

from mlgym_core.errors import StoreError
from mlgym_core.events.folder import EventStorage
from mlgym_core.publish.ledger import Ledger, read_ledger
from mlgym_core.publish.shipment import Shipment, ship_copy

PATIENCE_S = 60


@pytest.fixture
def ship(recorded):
    begun = []

    def begin(servers, rest=None, token=None):
        begun.append(Shipment(recorded.folder, servers, rest, token))
        begun[-1].offer(recorded.num_events)
        return begun[-1]

    yield begin
    for each in begun:
        each.close()


def test_each_server_has_a_place_of_its_own(recorded, ship, server):
    recorded.publish(100)
    away = "http://127.0.0.1:9"
    told = []
    shipment = ship([server.url, away])
    until = time.monotonic() + PATIENCE_S
    while read_ledger(recorded.folder).servers.get(server.url) != 100 or away not in shipment.obstacles:
        assert time.monotonic() < until
        assert shipment.drain(0.5, told.append) == 100
    assert list(shipment.obstacles) == [away]
    assert (set(told), shipment.has_arrived) == ({100}, False)
    shipment.close()
    assert read_ledger(recorded.folder) == Ledger(servers={server.url: 100, away: 0})
    assert server.lines == recorded.lines


def test_what_is_refused_is_not_waited_for(recorded, ship, server):
    server.refusal = "a token is needed"
    recorded.publish(10)
    shipment = ship([server.url])
    assert shipment.drain(600) == 10
    assert shipment.obstacles == {server.url: "a token is needed"}


def test_an_endpoint_that_lets_nobody_in_is_not_waited_for(recorded, ship, server, answering, publish_start):
    answering.status = 401
    publish_start(recorded)
    shipment = ship([server.url], answering.url, "word")
    assert shipment.drain(600) == recorded.num_events
    assert list(shipment.obstacles) == [answering.url.rstrip("/")]
    assert server.lines == []  # files go first


def test_what_an_earlier_shipment_noted_is_believed_only_once_the_server_was_asked(recorded, ship, server):
    recorded.publish(10)
    first = ship([server.url])
    assert first.drain(PATIENCE_S) == 0
    first.close()
    server.forget()
    again = ship([server.url])
    assert again.drain(PATIENCE_S) == 0
    assert server.lines == recorded.lines


def test_a_folder_that_cannot_be_written_can_be_sent(recorded, server, monkeypatch):
    def refuse(*_):
        raise StoreError("read only", code="MG403")

    monkeypatch.setattr("mlgym_core.publish.shipment.write_ledger", refuse)
    recorded.publish(10)
    shipment = ship_copy(recorded.folder, [server.url], None, None)
    assert shipment.drain(PATIENCE_S) == 0
    shipment.close()
    assert server.lines == recorded.lines


def test_a_log_of_another_program_is_no_copy_to_send(tmp_path, server):
    run = EventStorage(tmp_path).create_run()
    run.log_path.write_text(json.dumps({"event_type": "job_status", "creation_ts": 1, "payload": {}}) + os.linesep)
    with pytest.raises(StoreError, match="no numbers") as error:
        ship_copy(run, [server.url], None, None)
    assert error.value.code == "MG407"
