"""Real services on free ports of this machine, and real clients."""

import json
import queue
import re
import subprocess
import sys
import threading

import engineio
import pytest
import requests
import socketio
import websocket

from ml_board import service
from ml_board.settings import Settings, origin_patterns
from mlgym_core.events.folder import EventStorage
from mlgym_core.publish.carrier import Carrier

from .staging import Staged

PATIENCE_S = 30
BOARD_ORIGIN = "http://board.example"


class Service:
    """A service that runs in a thread of this process, until it is stopped."""

    def __init__(self, create, settings, port=0):
        listener = service.listen("127.0.0.1", port)
        self.url = service.address("127.0.0.1", listener)
        self.storage = EventStorage(settings.event_storage_path)
        self._server = service.create_server(create(settings))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]})
        self._thread.start()

    def get(self, path, **options):
        return requests.get(f"{self.url}{path}", timeout=PATIENCE_S, **options)

    def stop(self):
        self._server.should_exit = True
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()


class Command:
    """`ml_board`, or another of its commands, as a process of its own."""

    def __init__(self, *arguments, name="ml_board"):
        code = f"import ml_board.cli; ml_board.cli.{name}()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def read_line(self):
        """The next line of standard output."""
        return self.process.stdout.readline().rstrip("\n")

    def end(self):
        """The exit status, standard output and standard error, once it has ended."""
        output, errors = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, output, errors


class InOrder(engineio.Client):
    """Handles each message in the thread that reads: in threads of their own, the library's, they overtake each other.

    Attachments come before their events then, and one delta before the other.
    """

    def _trigger_event(self, event, *arguments, **options):
        return super()._trigger_event(event, *arguments, **(options | {"run_async": False}))


class InOrderClient(socketio.Client):
    def _engineio_client_class(self):
        return InOrder


class Client:
    """A Socket.IO client that keeps what it is sent, in its order."""

    def __init__(self, url, transports=None, auth=None):
        self.socket = InOrderClient(reconnection=False, handle_sigint=False)
        self.received = queue.Queue()
        for name in ("mlgym_event", "server_log_message", "delta", "pong", "disconnect"):
            self.socket.on(name, lambda *data, name=name: self.received.put((name, data[0] if data else None)))
        self.socket.connect(url, transports=transports, auth=auth, wait_timeout=PATIENCE_S)

    def call(self, event, data=None):
        return self.socket.call(event, data, timeout=PATIENCE_S)

    def next(self, name):
        """What the next message of this name holds; others are passed over."""
        while True:
            found, data = self.received.get(timeout=PATIENCE_S)
            if found == name:
                return data

    def events(self, number):
        """The next events as (event_id, event), history or live."""
        found = []
        while len(found) < number:
            data = self.next("mlgym_event")
            found += [(each["event_id"], each["data"]) for each in _each(data)]
        assert len(found) == number
        return found

    def close(self):
        if self.socket.connected and self.socket.transport() == "polling":
            self.socket.emit("leave")  # its own goodbye would wait for the poll that hangs
            self.next("disconnect")
        bare = self.socket.eio.ws
        if bare:
            bare.abort()  # a parting in form may take seconds: two threads wait for the same answer
        self.socket.disconnect()
        if bare:
            bare.shutdown()


class Subscriber:
    """A subscriber of version 2 on a bare websocket, which the library's client would read byte by byte."""

    def __init__(self, bare):
        self._bare = bare

    def join(self, rooms, **further):
        """The server's answer; what it sent of an earlier join is passed over."""
        self._bare.send("421" + json.dumps(["join", {"rooms": rooms, "v": 2, **further}]))
        while True:
            text = self._bare.recv_message()
            if isinstance(text, str) and text.startswith("431["):
                return json.loads(text[3:])[0]

    def slices(self, first, num_lines):
        """The bytes of the next `num_lines` lines, from event `first` on, and the names under which they came."""
        data, names = b"", []
        while data.count(b"\n") < num_lines:
            name, message = self._next()
            assert message["from"] == first + data.count(b"\n")
            data += message["lines"]
            names.append(name)
        assert data.count(b"\n") == num_lines
        return data, names

    def _next(self):
        text = self._bare.recv_message()
        while not text.startswith("451-"):
            text = self._bare.recv_message()
        number = re.match(r"451-(\d+)\[", text)[1]
        name, message = json.loads(text[len("451-") + len(number) :])
        assert message["lines"] == {"_placeholder": True, "num": 0}
        message["lines"] = self._bare.recv_message()
        self._bare.send(f"43{number}[]")
        return name, message


class Bare(websocket.WebSocket):
    """A websocket on which Socket.IO is spoken, without a library for that."""

    def recv_message(self):
        """The next message; the pings between are answered, or the server would take this client for one that died."""
        while (message := self.recv()) == "2":
            self.send("3")
        return message


def _each(data):
    return data["data"] if data["event_id"] == "batched_events" else [data]


@pytest.fixture
def storage_path(tmp_path):
    return tmp_path / "event_storage"


@pytest.fixture
def start(storage_path):
    """Starts one of the services, over the same storage."""
    started = []

    def begin(create=service.create_board, **options):
        settings = Settings(event_storage_path=storage_path, origins=origin_patterns([BOARD_ORIGIN]))
        started.append(Service(create, settings, **options))
        return started[-1]

    yield begin
    for each in started:
        each.stop()


@pytest.fixture
def board(start):
    return start()


@pytest.fixture
def connect(board):
    """Connects a client to the board, or to another service."""
    clients = []

    def begin(url=None, transports=None, auth=None):
        clients.append(Client(url or board.url, transports, auth))
        return clients[-1]

    yield begin
    for each in clients:
        each.close()


@pytest.fixture
def wire():
    """Opens a websocket on which a Socket.IO client is connected, without a library between."""
    opened = []

    def begin(url):
        address = f"{url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket"
        options = {"class_": Bare, "skip_utf8_validation": True}  # which is done byte by byte
        bare = websocket.create_connection(address, timeout=PATIENCE_S, **options)
        opened.append(bare)
        assert bare.recv().startswith("0{")
        bare.send("40")
        assert bare.recv().startswith("40{")
        return bare

    yield begin
    for each in opened:
        each.shutdown()


@pytest.fixture
def subscribe(board, wire):
    """Connects a subscriber to the board, or to another service."""
    return lambda url=None: Subscriber(wire(url or board.url))


@pytest.fixture
def command():
    """Starts one of the commands as a process."""
    commands = []

    def begin(*arguments, name="ml_board"):
        commands.append(Command(*arguments, name=name))
        return commands[-1]

    yield begin
    for each in commands:
        each.process.kill()
        each.process.communicate()


@pytest.fixture
def staged(tmp_path):
    made = Staged(tmp_path / "local")
    yield made
    made.end()


@pytest.fixture
def carry():
    """Begins a carrier, which ends with the test."""
    carriers = []

    def begin(staged, servers, rest, **options):
        carriers.append(Carrier(staged.folder, servers, rest, **options))
        return carriers[-1]

    yield begin
    for each in carriers:
        each.close()


@pytest.fixture
def away(free_port):
    """The address of a server that is away."""
    return f"http://127.0.0.1:{free_port}"


@pytest.fixture
def impatient(monkeypatch):
    """Does not wait long for a server that knows no `hello`."""
    monkeypatch.setattr("mlgym_core.publish.batches.HELLO_S", 0.2)
