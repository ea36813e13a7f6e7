"""How a connection ends."""

import threading
import time

import pytest

from mlgym_core.publish.connection import BrokenError, Connection, RefusedError

PATIENCE_S = 60


def wait_until_only(before):
    deadline = time.monotonic() + PATIENCE_S
    while left := [each for each in threading.enumerate() if each not in before]:
        assert time.monotonic() < deadline, left
        time.sleep(0.01)


def test_no_thread_outlives_a_connection(server):
    before = threading.enumerate()
    for _ in range(5):
        connection = Connection(server.url, None)
        connection.ask("hello", {"producer": "p", "producers": []}).result(PATIENCE_S)
        connection.close()
    wait_until_only(before)


def test_no_thread_outlives_a_refusal(server):
    server.refusal = "not you"
    before = threading.enumerate()
    for _ in range(5):
        with pytest.raises(RefusedError, match="not you"):
            Connection(server.url, "word")
    wait_until_only(before)


def test_who_waits_is_told_when_the_connection_is_given_up(server):
    server.is_old = True
    connection = Connection(server.url, None)
    asked = connection.ask("hello", {})
    connection.give_up()
    with pytest.raises(BrokenError, match="closed"):
        asked.result(PATIENCE_S)
    with pytest.raises(BrokenError, match="closed"):
        connection.ask("hello", {})
    connection.close()
