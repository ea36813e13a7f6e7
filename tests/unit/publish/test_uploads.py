"""Which requests an event leads to, against a real endpoint that answers as told."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import requests

from mlgym_core.events.codec import encode_event
from mlgym_core.events.folder import EventStorage, write_atomically
from mlgym_core.events.types import CheckpointDeleted, CheckpointSaved, ExperimentConfig, Resource, RunEnded, RunStarted
from mlgym_core.publish.uploads import Endpoint


class Answering:
    """An endpoint that answers each request with `status` and keeps what it was asked."""

    def __init__(self):
        self.status = 200
        self.requests = []
        answering = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                answering.requests.append((self.command, self.path, body))
                self.send_response(answering.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_PUT = do_POST = do_DELETE = answer

            def log_message(self, *_):
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def answering():
    made = Answering()
    yield made
    made.close()


@pytest.fixture
def staging(tmp_path):
    return EventStorage(tmp_path).run("r")


@pytest.fixture
def bring(staging, answering):
    endpoint = Endpoint(staging, answering.url)
    yield lambda kind, **fields: endpoint.bring(encode_event(kind(grid_search_id="r", **fields)))
    endpoint.close()


def checkpoint():
    resources = [Resource(name=name, size_bytes=1, sha256="0") for name in ("model.safetensors", "optimizer.json")]
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
    assert b'name="checkpoint_file"; filename="model.safetensors"' in answering.requests[0][2]


def test_a_deleted_checkpoint_is_deleted(answering, bring):
    bring(CheckpointDeleted, **checkpoint())
    assert answering.requests == [("DELETE", "/checkpoints/r/10/12", b"")]


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


@pytest.mark.parametrize("status", [403, 404, 422])
def test_what_is_refused_is_not_tried_again(answering, bring, caplog, status):
    answering.status = status
    bring(CheckpointDeleted, **checkpoint())
    assert len(answering.requests) == 1
    assert bool(caplog.records) is (status != 404)  # gone is as good as deleted


@pytest.mark.parametrize("status", [500, 503, 507])
def test_an_endpoint_that_fails_is_to_be_tried_again(answering, bring, status):
    answering.status = status
    with pytest.raises(requests.RequestException):
        bring(CheckpointDeleted, **checkpoint())


def test_an_endpoint_that_is_away_is_to_be_tried_again(staging, answering):
    answering.close()
    endpoint = Endpoint(staging, answering.url)
    with pytest.raises(requests.RequestException):
        endpoint.bring(encode_event(CheckpointDeleted(grid_search_id="r", **checkpoint())))
    endpoint.close()
