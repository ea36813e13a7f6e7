"""Requests to end a run, and the signals that make them."""

import signal
from collections.abc import Iterator
from multiprocessing.connection import wait

import pytest

from mlgym_core.execution.stopping import Stop, StopSignals


@pytest.fixture
def stop() -> Iterator[Stop]:
    made = Stop()
    yield made
    made.close()


def test_nothing_is_asked_at_first(stop: Stop) -> None:
    assert not stop.asked
    assert wait([stop], timeout=0) == []
    assert not stop.clear()


def test_the_first_request_is_not_for_an_end_at_once(stop: Stop) -> None:
    stop.ask("SIGINT")

    assert stop.asked
    assert not stop.at_once
    assert stop.by == "SIGINT"


def test_the_second_request_is_for_an_end_at_once_and_has_an_id_of_its_own(stop: Stop) -> None:
    stop.ask("SIGINT")
    first = stop.request
    stop.ask("SIGTERM")

    assert stop.at_once
    assert stop.request != first


def test_a_request_wakes_a_waiting_process_until_it_was_seen(stop: Stop) -> None:
    stop.ask("SIGINT")

    assert wait([stop], timeout=0) == [stop]
    assert stop.clear()
    assert wait([stop], timeout=0) == []
    assert stop.asked


def test_a_gentle_request_never_turns_another_into_an_end_at_once(stop: Stop) -> None:
    stop.ask("SIGINT")
    stop.ask_gently("--fail-fast")

    assert not stop.at_once
    assert stop.by == "SIGINT"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_ask_while_entered(stop: Stop, number: signal.Signals) -> None:
    with StopSignals(stop):
        signal.raise_signal(number)

    assert stop.asked
    assert stop.by == number.name


def test_handlers_are_put_back(stop: Stop) -> None:
    before = signal.getsignal(signal.SIGINT)
    with StopSignals(stop):
        assert signal.getsignal(signal.SIGINT) != before

    assert signal.getsignal(signal.SIGINT) == before


def test_the_second_request_is_told_where_it_is_made(stop: Stop) -> None:
    calls: list[str] = []
    stop.at_second = lambda: calls.append(stop.by)
    with StopSignals(stop):
        signal.raise_signal(signal.SIGINT)
        assert calls == []
        signal.raise_signal(signal.SIGTERM)

    assert calls == ["SIGTERM"]
