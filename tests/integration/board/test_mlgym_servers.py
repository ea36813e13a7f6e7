"""A staged run on its way to a server that behaves as MLgym's."""

import json

import pytest

from mlgym_core.events.log_reader import LogReader

from .conftest import PATIENCE_S
from .mlgym_server import mlgym_server


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
    def wait_for(seconds):
        monkeypatch.setattr("mlgym_core.publish.singles.ACKNOWLEDGEMENT_S", seconds)

    wait_for(0.2)
    stored = []
    # With the short patience a slow answer would be taken for none, and what was stored be sent again.
    mute = start(lambda _settings: mlgym_server(stored.append, num_mute=1, welcome=lambda: wait_for(PATIENCE_S)))
    carrier = carry(staged, [mute.url], board.url)
    staged.start()
    staged.end()
    assert carrier.drain(PATIENCE_S) == 0
    assert [event["event_type"] for event in stored] == ["run_started", "experiment_config"]
