"""The board's view of a run, live: what `watch` answers, and the deltas that follow."""

import json
import os

import pytest

from mlgym_core.events.codec import encode_event
from mlgym_core.events.log import LogWriter
from mlgym_core.events.types import EvaluationResult, ExperimentConfig, JobStatus, LossScore, RunStarted

RUN = "2026-11-21--10-00-00"


def started(num_experiments=1):
    return RunStarted(
        grid_search_id=RUN,
        config_hash="0",
        source={},
        entry_command=[],
        num_experiments=num_experiments,
        environment={},
    )


def running():
    return JobStatus(grid_search_id=RUN, experiment_id=0, job_id="0", status="RUNNING")


def result(epoch):
    loss = LossScore(loss="l", split="val", score=float(epoch))
    return EvaluationResult(grid_search_id=RUN, experiment_id=0, epoch=epoch, metric_scores=[], loss_scores=[loss])


class Runner:
    """A process that writes its own log, as `mlgym run` does, played in this one."""

    def __init__(self, storage):
        self.writer = LogWriter(storage.run(RUN))

    def publish(self, *payloads):
        first = self.writer.last_seq("runner") + 1
        self.writer.append("runner", first, [encode_event(payload) for payload in payloads])
        self.writer.commit()


@pytest.fixture
def runner(board):
    made = Runner(board.storage)
    made.publish(started(), running())
    yield made
    made.writer.close()


def follow(client, snapshot, until_offset):
    """The points of the deltas up to an offset; each has to follow on the one before."""
    offset, points = snapshot["offset"], []
    while offset < until_offset:
        delta = client.next("delta")
        assert delta["from_offset"] == offset
        offset = delta["offset"]
        points += delta["points"]
    assert offset == until_offset
    return points


def test_a_run_that_another_process_writes_is_followed(connect, runner):
    client = connect()
    snapshot = client.call("watch", {"run_id": RUN})
    assert (snapshot["offset"], snapshot["liveness"], snapshot["run"]["status"]) == (2, "alive", "running")
    for epoch in range(3):
        runner.publish(result(epoch))
    assert follow(client, snapshot, 5) == [[0, "val/l", epoch, float(epoch)] for epoch in range(3)]


def test_a_run_that_is_published_to_this_server_is_followed(board, connect):
    publisher, client = connect(), connect()
    for payload in (started(), running()):
        publisher.call("mlgym_event", json.loads(encode_event(payload)))
    snapshot = client.call("watch", {"run_id": RUN})
    assert (snapshot["offset"], snapshot["liveness"]) == (2, "alive")
    for epoch in range(5):
        publisher.call("mlgym_event", json.loads(encode_event(result(epoch))))
    assert [point[2] for point in follow(client, snapshot, 7)] == list(range(5))


def test_who_watches_later_begins_later_and_both_go_on(connect, runner):
    early, late = connect(), connect()
    first = early.call("watch", {"run_id": RUN})
    runner.publish(result(0), result(1))
    second = late.call("watch", {"run_id": RUN})
    runner.publish(result(2))
    assert [point[2] for point in follow(early, first, 5)] == [0, 1, 2]
    assert [point[2] for point in follow(late, second, 5)] == list(range(second["offset"] - 2, 3))


def test_watchers_are_told_that_a_runs_process_is_gone(connect, runner):
    client = connect()
    client.call("watch", {"run_id": RUN})
    runner.writer.close()
    delta = client.next("delta")
    assert (delta["liveness"], delta["run"]["status"], delta["experiments"]) == ("lost", "running", [])
    assert delta["offset"] == delta["from_offset"]


def test_a_run_that_is_taken_up_again_runs_again(connect, runner, board):
    client = connect()
    client.call("watch", {"run_id": RUN})
    runner.writer.close()
    assert client.next("delta")["liveness"] == "lost"
    runner.writer = LogWriter(board.storage.run(RUN))
    delta = client.next("delta")
    assert (delta["liveness"], delta["run"]["status"]) == ("alive", "running")


def test_a_log_that_is_cut_makes_the_client_begin_anew(connect, runner, board):
    client = connect()
    snapshot = client.call("watch", {"run_id": RUN})
    log = board.storage.run(RUN).log_path
    os.truncate(log, log.read_bytes().index(b"\n") + 1)
    delta = client.next("delta")
    assert delta["from_offset"] != snapshot["offset"]
    assert client.call("watch", {"run_id": RUN})["offset"] == 1


def test_nothing_comes_after_unwatch(connect, runner):
    client = connect()
    client.call("watch", {"run_id": RUN})
    client.call("unwatch", {"run_id": RUN})
    runner.publish(result(0))
    snapshot = client.call("watch", {"run_id": RUN})
    runner.publish(result(1))
    assert [point[2] for point in follow(client, snapshot, 4)] == [1]


@pytest.mark.parametrize("data", [None, {}, {"run_id": "nowhere"}, {"run_id": 3}, "text"])
def test_what_is_no_run_cannot_be_watched(connect, data):
    answer = connect().call("watch", data)
    assert set(answer["error"]) == {"code", "message", "hint"}


def test_the_configurations_differences_come_with_the_snapshot(connect, runner):
    for number, rate in enumerate((0.1, 0.2)):
        config = {"optimizer": {"lr": rate}, "model": "m"}
        runner.publish(ExperimentConfig(grid_search_id=RUN, experiment_id=number, job_id=number, config=config))
    snapshot = connect().call("watch", {"run_id": RUN})
    assert snapshot["parameters"] == {"0": {"optimizer.lr": 0.1}, "1": {"optimizer.lr": 0.2}}
