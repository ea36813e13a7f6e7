"""What is shown at event n, live and in replay, is the same: a run is watched, and told again after a restart."""

import json
import os
import queue
import random
import sys

import msgspec
import pytest
import requests

from mlgym_core.cli.commands import perform
from mlgym_core.cli.options import parser
from mlgym_core.events.codec import encode_event
from mlgym_core.events.projections.run_fold import RunFold
from mlgym_core.events.projections.views import snapshot
from mlgym_core.events.types import (
    AttemptStarted,
    CheckpointSaved,
    EvaluationResult,
    ExperimentConfig,
    ExperimentStatus,
    JobStatus,
    LogLines,
    LossScore,
    MetricScore,
    Resource,
    RunEnded,
    RunStarted,
    SystemMetrics,
)

RUN = "2026-11-21--10-00-00"
NUM_EXPERIMENTS = 4
NUM_FACTS = 1_100
WAIT_EACH = 40
NUM_MOMENTS = 1_000
DELTA_EACH = 200
"""After so many facts at most the subscriber has to have been sent a delta."""


def any_fact(chance):
    """Some fact of a run, also one of an attempt that repeats what an earlier one told."""
    experiment_id, epoch = chance.randrange(NUM_EXPERIMENTS), chance.randrange(30)
    common = {"grid_search_id": RUN, "experiment_id": experiment_id}
    score = chance.choice([None, chance.random(), chance.gauss(0, 1e6)])
    split = chance.choice(["train", "val"])
    metrics, losses = (
        [MetricScore(metric="f1", split=split, score=score)],
        [LossScore(loss="l", split=split, score=score)],
    )
    resource = Resource(name="model.safetensors", size_bytes=3, sha256="ab")
    return chance.choice(
        [
            EvaluationResult(**common, epoch=epoch, metric_scores=metrics, loss_scores=losses),
            EvaluationResult(**common, epoch=epoch, metric_scores=metrics, loss_scores=[]),
            ExperimentStatus(
                **common,
                status="train",
                num_epochs=30,
                current_epoch=epoch,
                splits=["train"],
                current_split="train",
                num_batches=9,
                current_batch=chance.randrange(9),
            ),
            ExperimentConfig(**common, job_id=0, config={"lr": chance.random(), "run": {"epochs": 30}}),
            AttemptStarted(**common, attempt=epoch, device="cpu", host="here", pid=1, threads=1, versions={}),
            JobStatus(
                **common, job_id="0", status=chance.choice(["RUNNING", "DONE"]), error=chance.choice([None, "e"])
            ),
            CheckpointSaved(**common, epoch=epoch, step=0, resources=[resource], weights_sha256="ab", kept_as=["last"]),
            LogLines(**common, stream="stderr", level=None, lines=["größer", "kleiner"]),
            SystemMetrics(
                grid_search_id=RUN,
                host="here",
                cpu_percent=chance.random(),
                rss_bytes=epoch,
                memory_used_bytes=1,
                memory_total_bytes=2,
            ),
        ]
    )


def facts(chance):
    yield RunStarted(
        grid_search_id=RUN,
        config_hash="0",
        source={},
        entry_command=["mlgym"],
        num_experiments=NUM_EXPERIMENTS,
        environment={},
    )
    for _ in range(NUM_FACTS):
        yield any_fact(chance)
    yield RunEnded(grid_search_id=RUN, reason="stopped", counts={})


def capture(client, publisher, chance):
    """Publishes a run; the lines and the deltas that a subscriber was sent meanwhile."""
    lines, deltas, watched = queue.Queue(), [], 0
    for name in ("history", "live"):
        client.socket.on(name, lambda data: lines.put((data["from"], data["lines"])))
    client.call("join", {"rooms": [RUN], "from_offset": 0, "v": 2})

    def follow(least):
        """Takes deltas until they tell of the first `least` events; each has to follow on the one before."""
        nonlocal watched
        while watched < least:
            delta = client.next("delta")
            assert delta["from_offset"] == watched
            watched = delta["offset"]
            deltas.append(delta)

    for number, fact in enumerate(facts(chance)):
        event = json.loads(encode_event(fact))
        if number % WAIT_EACH:
            publisher.socket.emit("mlgym_event", event)
        else:
            assert publisher.call("mlgym_event", event)["event_id"] == number
            if number % DELTA_EACH == 0 and number:
                follow(number)
        if number == 0:
            watched = client.call("watch", {"run_id": RUN})["offset"]
    total = NUM_FACTS + 2
    found = {}
    while len(found) < total:
        first, data = lines.get(timeout=30)
        found |= dict(enumerate(data.splitlines(), first))
    follow(total)
    return [found[number] for number in range(total)], deltas


@pytest.fixture
def seed(record_property):
    chosen = int(os.environ.get("MLGYM_FAULTS_SEED", "20261121"))
    record_property("seed", chosen)
    sys.stderr.write(f"seed {chosen}\n")
    return chosen


def test_what_was_shown_live_is_what_is_told_of_each_moment_after_a_restart(board, connect, start, seed, capfd):
    chance = random.Random(seed)
    lines, deltas = capture(connect(), connect(), chance)
    board.stop()
    asked = requests.Session()
    url = f"{start().url}/api/runs/{RUN}"

    moments = [chance.randrange(len(lines)) for _ in range(NUM_MOMENTS)]
    fold, told = RunFold(), {}
    for at, line in enumerate(lines):
        fold.feed([line])
        told[at] = {
            liveness: msgspec.json.encode(snapshot(fold, liveness)) for liveness in ("alive", "lost", "unknown")
        }
    num_equal = 0
    for at in [*sorted(moments[:-100]), *moments[-100:]]:
        answer = asked.get(f"{url}?at={at}", timeout=30)
        assert answer.content in told[at].values(), f"event {at}"
        num_equal += 1
    assert num_equal == NUM_MOMENTS

    assert len(deltas) >= NUM_FACTS // DELTA_EACH
    for delta in deltas:
        then = asked.get(f"{url}?at={delta['offset'] - 1}", timeout=30).json()
        rows = {row["experiment_id"]: json.dumps(row) for row in then["experiments"]}
        assert json.dumps(delta["run"]) == json.dumps(then["run"])
        assert {row["experiment_id"]: json.dumps(row) for row in delta["experiments"]}.items() <= rows.items()

    for at in moments[:3]:
        then = asked.get(f"{url}?at={at}", timeout=30).json()
        capfd.readouterr()
        assert (
            perform(
                parser().parse_args(
                    ["show", RUN, f"--at={at}", "--json", "--event_storage_path", str(board.storage.path)]
                )
            )
            == 0
        )
        shown = json.loads(capfd.readouterr().out)
        assert shown["status"] == then["run"]["status"]
        for row, experiment in zip(then["experiments"], shown["experiments"], strict=True):
            assert [row[key] for key in ("experiment_id", "status", "epochs_done", "error")] == [
                experiment[key] for key in ("experiment_id", "status", "epochs_done", "error")
            ]
            for key in ("best", "last"):
                assert {name: score["value"] for name, score in row[key].items()} == experiment[key]
