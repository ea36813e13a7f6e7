"""Which requests an event leads to, against a real endpoint that answers as told."""

import hashlib
import json
import socket
from contextlib import closing

import pytest
import requests

from mlgym_core.events.files import remove_folder, write_atomically
from mlgym_core.events.folder import EventStorage
from mlgym_core.events.types import CheckpointDeleted, CheckpointSaved, ExperimentConfig, Resource, RunEnded, RunStarted
from mlgym_core.publish.endpoint import Endpoint


@pytest.fixture
def staging(tmp_path):
    return EventStorage(tmp_path).run("r")


@pytest.fixture
def endpoint(staging, answering):
    made = Endpoint(staging, answering.url, "word")
    yield made
    made.close()


@pytest.fixture
def bring(endpoint):
    return lambda kind, **fields: endpoint.bring(kind(grid_search_id="r", **fields), "p")


def deleted():
    return CheckpointDeleted(grid_search_id="r", **checkpoint())


def checkpoint():
    """Of files that hold their own names."""
    resources = [
        Resource(name=name, size_bytes=len(name), sha256=hashlib.sha256(name.encode()).hexdigest())
        for name in ("model.safetensors", "optimizer.json")
    ]
    return {"experiment_id": 10, "epoch": 12, "step": 1, "resources": resources, "weights_sha256": "0", "kept_as": []}


def started():
    return {"config_hash": "0", "source": {}, "entry_command": [], "num_experiments": 1, "environment": {}}


def test_the_start_of_a_run_brings_its_configuration(staging, answering, bring):
    write_atomically(staging.config_path("run_config.yml"), "a: ü")
    bring(RunStarted, **started())
    ((method, path, body),) = answering.requests
    assert (method, path) == ("PUT", "/grid_searches/r/run_config.yml")
    assert json.loads(body) == {"file_format": "YAML", "content": "a: ü"}


def test_a_checkpoint_brings_each_of_its_files(staging, answering, bring):
    for name in ("model.safetensors", "optimizer.json", "of_another_kind"):
        write_atomically(staging.resource_path(10, 12, name), name)
    bring(CheckpointSaved, **checkpoint())
    assert [(method, path) for method, path, _ in answering.requests] == [("POST", "/checkpoints/r/10/12")] * 2
    head, _, rest = answering.requests[0][2].partition(b"\r\n\r\n")
    body, _, tail = rest.partition(b"\r\n")
    assert b'name="checkpoint_file"; filename="model.safetensors"' in head
    assert body == b"model.safetensors"
    assert tail.strip() == head.partition(b"\r\n")[0] + b"--"


@pytest.mark.parametrize("optimizer", [None, "optimizer.jso", "Optimizer.json"])
def test_a_checkpoint_that_is_not_here_whole_is_not_brought_in_part(staging, answering, bring, optimizer):
    write_atomically(staging.resource_path(10, 12, "model.safetensors"), "model.safetensors")
    if optimizer:
        write_atomically(staging.resource_path(10, 12, "optimizer.json"), optimizer)
    bring(CheckpointSaved, **checkpoint())
    assert answering.requests == []


def test_a_checkpoint_that_is_deleted_while_it_is_brought_arrives_whole(staging, answering, bring):
    for name in ("model.safetensors", "optimizer.json"):
        write_atomically(staging.resource_path(10, 12, name), name)
    answering.at_request = lambda: remove_folder(staging.checkpoint_path(10, 12))
    bring(CheckpointSaved, **checkpoint())
    assert [
        b"model.safetensors\r\n--" in answering.requests[0][2],
        b"optimizer.json\r\n--" in answering.requests[1][2],
    ] == [
        True,
        True,
    ]


def test_a_checkpoint_from_within_an_epoch_goes_apart(staging, answering, endpoint, bring):
    within = {**checkpoint(), "step": 345, "batch": 3}
    for name in ("model.safetensors", "optimizer.json"):
        write_atomically(staging.step_path(10, 345) / name, name)
    bring(CheckpointSaved, **within)
    endpoint.delete(CheckpointDeleted(grid_search_id="r", **within), "p")
    asked = [(method, path) for method, path, _ in answering.requests]
    assert asked == [*[("POST", "/checkpoints/r/10/steps/345")] * 2, ("DELETE", "/checkpoints/r/10/steps/345")]


def test_a_deleted_checkpoint_is_deleted(answering, endpoint):
    endpoint.delete(deleted(), "p")
    assert answering.requests == [("DELETE", "/checkpoints/r/10/12", b"")]


def test_each_request_shows_the_token_and_the_producer_and_no_address_does(answering, endpoint, staging, bring):
    write_atomically(staging.config_path("run_config.yml"), "a: 1")
    bring(RunStarted, **started())
    endpoint.delete(deleted(), "p")
    assert answering.tokens == ["Bearer word"] * 2
    assert answering.producers == ["p"] * 2
    assert not any("word" in path for _, path, _ in answering.requests)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (RunEnded, {"reason": "finished", "counts": {}}),
        (ExperimentConfig, {"experiment_id": 0, "job_id": 0, "config": {}}),
        (CheckpointSaved, checkpoint()),
        (RunStarted, started()),
    ],
)
def test_what_is_not_staged_asks_for_nothing(answering, bring, kind, fields):
    bring(kind, **fields)
    assert answering.requests == []


@pytest.mark.parametrize("status", [404, 409, 413, 422])
def test_what_is_refused_is_not_tried_again(answering, endpoint, caplog, status):
    answering.status = status
    endpoint.delete(deleted(), "p")
    assert len(answering.requests) == 1
    assert bool(caplog.records) is (status != 404)  # gone is as good as deleted


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503, 507])
def test_an_endpoint_that_fails_or_lets_nobody_in_is_to_be_tried_again(answering, endpoint, status):
    answering.status = status
    with pytest.raises(requests.RequestException):
        endpoint.delete(deleted(), "p")


def test_an_endpoint_that_is_away_is_to_be_tried_again(staging):
    with socket.socket() as held:  # nobody listens there, and nobody else can begin to
        held.bind(("127.0.0.1", 0))
        away = Endpoint(staging, f"http://127.0.0.1:{held.getsockname()[1]}", None)
        with closing(away), pytest.raises(requests.ConnectionError):
            away.delete(deleted(), "p")
