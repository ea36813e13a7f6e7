"""Small real servers that answer as told, and a run to send to them."""

import asyncio
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import socketio
import uvicorn

from mlgym_core.events.codec import read_stamp
from mlgym_core.events.files import write_atomically
from mlgym_core.events.folder import EventStorage
from mlgym_core.events.log import LogWriter
from mlgym_core.events.merge import Merger
from mlgym_core.events.spool import Spool
from mlgym_core.events.types import EvaluationResult, RunStarted

PATIENCE_S = 60


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Nothing is given up because a busy machine is slow; who tests that it is says after how long."""
    for name in ("connection._CONNECT_S", "connection._HANG_UP_S", "batches.HELLO_S"):
        monkeypatch.setattr(f"mlgym_core.publish.{name}", PATIENCE_S)
    for module in ("batches", "singles"):
        monkeypatch.setattr(f"mlgym_core.publish.{module}.ACKNOWLEDGEMENT_S", PATIENCE_S)


class Answering:
    """A server that stores batches in memory as the contract says, but for what `answers` has for the next ones.

    While `is_old` it answers no `hello`, as MLgym's. `refusal` is what it says to who connects.
    """

    def __init__(self):
        self.stored = {}
        self.lines = []
        self.answers = []
        self.greetings = []
        self.sizes = []
        self.auth = []
        self.headers = []
        self.refusal = None
        self.is_old = False
        self.is_silent = False
        self.answer_to_event = None
        self.max_batch_bytes = 8 * 2**20
        self._socket = socketio.AsyncServer(async_mode="asgi", max_http_buffer_size=16_000_000)
        for handler in (self.connect, self.hello, self.batch, self.mlgym_event):
            self._socket.on(handler.__name__, handler)
        application = socketio.ASGIApp(self._socket)
        config = uvicorn.Config(application, log_level="error", ws_per_message_deflate=False, ws_max_size=16_000_000)
        self._server = uvicorn.Server(config)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]})
        self._thread.start()

    def close(self):
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()

    def forget(self):
        self.stored.clear()
        self.lines.clear()

    async def connect(self, _connection, environ, auth=None):
        self.auth.append(auth)
        self.headers.append(environ.get("HTTP_AUTHORIZATION"))
        if self.refusal:
            raise socketio.exceptions.ConnectionRefusedError(self.refusal)

    async def hello(self, _connection, data):
        while self.is_old:
            await asyncio.sleep(0.01)
        self.greetings.append(data)
        last_seqs = {each: self.stored.get(each, 0) for each in data["producers"]}
        return {
            "last_seq": self.stored.get(data["producer"], 0),
            "last_seqs": last_seqs,
            "max_batch_bytes": self.max_batch_bytes,
            "head": "0" * 64,
        }

    async def batch(self, _connection, data):
        if self.is_silent:
            await asyncio.Event().wait()
        self.sizes.append(len(data))
        answer = self.answers.pop(0) if self.answers else None
        if callable(answer):
            answer = answer(data)
        if answer is not None:
            return answer
        lines = data.rstrip(b"\n").split(b"\n")
        for line in lines:
            stamp = read_stamp(line)
            last = self.stored.get(stamp.producer, 0)
            if stamp.seq > last + 1:
                return {"err": "gap", "message": "an event is missing", "last_seq": last}
            if stamp.seq == last + 1:
                self.stored[stamp.producer] = stamp.seq
                self.lines.append(line)
        return {"last_seq": self.stored[stamp.producer], "head": "0" * 64}

    async def mlgym_event(self, _connection, event):
        self.lines.append(json.dumps(event).encode())
        return self.answer_to_event


class AnsweringRest:
    """An endpoint that answers each request with `status` and keeps what it was asked; `at_request` comes first."""

    def __init__(self):
        self.status = 200
        self.at_request = lambda: None
        self.requests = []
        self.tokens = []
        self.producers = []
        answering = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                answering.at_request()
                answering.requests.append((self.command, self.path, body))
                answering.tokens.append(self.headers.get("Authorization"))
                answering.producers.append(self.headers.get("MLgym-Producer"))
                self.send_response(answering.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_PUT = do_POST = do_DELETE = answer

            def log_message(self, *_):
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Recorded:
    """A run with a log of its own, to which several producers publish."""

    def __init__(self, folder):
        self.folder = folder
        self.spools = [Spool(folder), Spool(folder)]
        self.writer = LogWriter(folder)
        self._merger = Merger(self.writer, folder)

    @property
    def num_events(self):
        return self.writer.num_events

    @property
    def lines(self):
        return self.folder.log_path.read_bytes().splitlines()

    def publish(self, number, spool=0):
        for epoch in range(number):
            self.spools[spool].publish(
                EvaluationResult(
                    grid_search_id=self.folder.run_id, experiment_id=0, epoch=epoch, metric_scores=[], loss_scores=[]
                )
            )
            if epoch % 100 == 99:
                self._merger.merge_rest()
        self._merger.merge_rest()

    def close(self):
        for each in self.spools:
            each.close()
        self.writer.close()


@pytest.fixture
def server():
    made = Answering()
    yield made
    made.close()


@pytest.fixture
def answering():
    made = AnsweringRest()
    yield made
    made.close()


@pytest.fixture
def recorded(tmp_path):
    made = Recorded(EventStorage(tmp_path).create_run())
    yield made
    made.close()


@pytest.fixture
def publish_start():
    """Publishes the first fact of a run, which has a file."""

    def publish(recorded):
        write_atomically(recorded.folder.config_path("run_config.yml"), "a: 1")
        recorded.spools[0].publish(
            RunStarted(
                grid_search_id=recorded.folder.run_id,
                config_hash="0",
                source={},
                entry_command=[],
                num_experiments=1,
                environment={},
            )
        )
        recorded.publish(0)

    return publish
