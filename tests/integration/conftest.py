"""A way to a server that can be disturbed, and ports for servers that come and go."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import pytest

PATIENCE_S = 30


class Proxy:
    """Passes bytes on to the port `target` and back, as long as `mode` is `pass`.

    `swallow` takes what comes and answers nothing, `deaf` passes on what comes and swallows the answers, `reset` breaks
    every connection.
    """

    def __init__(self) -> None:
        self.mode = "pass"
        self.target = 0
        self.num_connections = 0
        self._num_disturbed = 0
        self._pairs: list[tuple[socket.socket, socket.socket | None]] = []
        self._turn = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._start(self._accept)

    def disturb(self, mode: str) -> None:
        """Goes over to another mode and breaks what is open."""
        with self._turn:
            self.mode = mode
            self._num_disturbed += 1
            open_until_now, self._pairs = self._pairs, []
        for pair in open_until_now:
            for each in pair:
                _break(each)

    def close(self) -> None:
        """Ends all of it."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.disturb("reset")
        for each in self._threads:
            each.join(PATIENCE_S)
            assert not each.is_alive()

    def _start(self, work, *arguments) -> None:
        self._threads.append(threading.Thread(target=work, args=arguments))
        self._threads[-1].start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.num_connections += 1
            server, mode, num_disturbed = None, self.mode, self._num_disturbed
            if mode in ("pass", "deaf"):
                try:
                    server = socket.create_connection(("127.0.0.1", self.target))
                except OSError:
                    _break(client)
                    continue
            with self._turn:
                is_undisturbed = mode != "reset" and num_disturbed == self._num_disturbed
                if is_undisturbed:
                    self._pairs.append((client, server))
            if not is_undisturbed:
                _break(client)
                _break(server)
                continue
            self._start(self._pump, client, server)
            if server is not None:
                self._start(self._pump, server, None if mode == "deaf" else client)

    def _pump(self, source, sink) -> None:
        try:
            while data := source.recv(65536):
                if sink is not None:
                    sink.sendall(data)
        except OSError:
            pass
        for each in (source, sink):
            _break(each)


def _break(connection) -> None:
    if connection is None:
        return
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, not a goodbye
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    connection.close()


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    made = Proxy()
    yield made
    made.close()


@pytest.fixture
def until() -> Callable[[Callable[[], object]], None]:
    """Waits for a condition; it has to become true within a time that no machine needs."""

    def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, "it did not come true"
            time.sleep(0.01)

    return wait
