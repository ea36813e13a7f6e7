"""Bodies from 1 byte to 1 GB on every route that takes one, and on the socket: refused or stored, in bounded memory.

Beside honest ones come bodies that are shorter than they say, that do not say how long they are, and that never end.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import socket
from collections.abc import Iterator

from rig import Server, Trial, run_script, serving
from routes import Route, list_routes
from wire import PATIENCE_S, BrokenError, Connection, event_line, publishing

RUN_ID = "2026-01-02--03-04-05"
VALUES = {"run_id": RUN_ID, "experiment_id": "0", "epoch": "0", "step": "0", "resource": "model"}
MAX_RSS_BYTES = 300 * 2**20
MAX_BODY_BYTES = 16 * 2**20
PIECE = bytes(range(256)) * 4096
MiB, GB = 2**20, 10**9


class Bounds:
    """The server's memory, looked at again and again."""

    def __init__(self, trial: Trial, server: Server) -> None:
        self._server = server
        self._trial = trial
        self.highest = server.rss_bytes()

    def look(self) -> None:
        """Enters what it is now."""
        self.highest = max(self.highest, self._server.rss_bytes())

    def close(self) -> None:
        """Says how high it was."""
        self._trial.report.count("MiB of the server at most", self.highest // MiB)
        self._trial.report.fault("MiB beyond the bound", max(0, self.highest - MAX_RSS_BYTES) // MiB)


def play(trial: Trial) -> None:
    """REST, then the socket; another publisher goes on all the time."""
    sizes = [1, 100, 10_000, MiB, MAX_BODY_BYTES, MAX_BODY_BYTES + 1, trial.sized(64 * MiB, GB)]
    with serving(trial) as server:
        bounds = Bounds(trial, server)
        with publishing(server.url, RUN_ID, "a") as publisher:
            last = publisher.hello()["last_seq"]
            routes = [route for route in list_routes(server.url) if route.method in ("PUT", "POST")]
            for route in routes:
                for size in sizes:
                    put_body(trial, server, bounds, route, size)
                    last += 1
                    answer = publisher.batch([last])
                    trial.report.fault("good events refused", answer.get("last_seq") != last, str(answer))
                deceive(trial, server, route)
            for size in sizes:
                send_message(trial, server, size)
                bounds.look()
        bounds.close()


def path_of(route: Route) -> str:
    """With a name for the file that the route takes."""
    ending = "json" if "experiment_id" in route.slots else "yml"
    return route.fill(VALUES | {"config_name": f"some.{ending}"})


def head_and_tail(route: Route) -> tuple[bytes, bytes, str]:
    """What stands before and after the content of a body, and the body's type."""
    if route.method == "PUT":
        kind = "JSON" if "experiment_id" in route.slots else "YAML"
        return f'{{"file_format": "{kind}", "content": "'.encode(), b'"}', "application/json"
    part = b'--b\r\nContent-Disposition: form-data; name="checkpoint_file"; filename="model"\r\n\r\n'
    return part, b"\r\n--b--\r\n", "multipart/form-data; boundary=b"


def pieces(number: int) -> Iterator[bytes]:
    """`number` bytes."""
    while number > 0:
        yield PIECE[:number]
        number -= len(PIECE)


def put_body(trial: Trial, server: Server, bounds: Bounds, route: Route, size: int) -> None:
    """A whole body of `size` bytes of content; of a checkpoint they have to come back."""
    head, tail, kind = head_and_tail(route)
    is_upload = route.method == "POST"
    content = pieces(size) if is_upload else (b"0" * len(piece) for piece in pieces(size))
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
    connection.putrequest(route.method, path_of(route))
    connection.putheader("Content-Type", kind)
    connection.putheader("Content-Length", str(len(head) + size + len(tail)))
    connection.endheaders()
    with contextlib.suppress(ConnectionError):  # it may hang up on what it refuses
        for piece in (head, *content, tail):
            connection.send(piece)
            bounds.look()
    try:
        status = connection.getresponse().status
    except (ConnectionError, http.client.HTTPException):
        status = 0
    connection.close()
    trial.report.count("bodies sent")
    trial.report.count("bytes sent", size)
    where = f"{route.method} {route.path} of {size} bytes: {status}"
    trial.report.fault("answers of 5xx", status >= 500, where)
    if is_upload:
        trial.report.fault("uploads refused", status != 200, where)
        trial.report.fault("other bytes than were sent", read_back(server, bounds, route) != digest_of(size), where)
    elif size >= MAX_BODY_BYTES:
        trial.report.count("bodies refused")
        trial.report.fault("too large and taken", status not in (413, 0), where)


def read_back(server: Server, bounds: Bounds, route: Route) -> str:
    """The digest of the stored checkpoint, read in pieces."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
    connection.request("GET", f"{path_of(route)}/model")
    answer, digest = connection.getresponse(), hashlib.sha256()
    while piece := answer.read(MiB):
        digest.update(piece)
        bounds.look()
    connection.close()
    return digest.hexdigest()


def digest_of(size: int) -> str:
    """What `read_back` should give."""
    digest = hashlib.sha256()
    for piece in pieces(size):
        digest.update(piece)
    return digest.hexdigest()


def deceive(trial: Trial, server: Server, route: Route) -> None:
    """Bodies that are other than they say."""
    head, tail, kind = head_and_tail(route)
    host = f"127.0.0.1:{server.port}"
    start = f"{route.method} {path_of(route)} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {kind}\r\n".encode()
    deep = b'{"file_format": "JSON", "content": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    for what, request in (
        ("shorter than they say", start + b"Content-Length: 1000000000\r\n\r\n" + head),
        ("of no told length", start + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        ("of a negative length", start + b"Content-Length: -1\r\n\r\n" + head + tail),
        ("of two lengths", start + b"Content-Length: 5\r\nContent-Length: 50\r\n\r\n" + head + tail),
        ("nested 100,000 deep", start + f"Content-Length: {len(deep)}\r\n\r\n".encode() + deep),
        ("with a megabyte of headers", start + b"X-Long: " + b"x" * MiB + b"\r\n\r\n"),
    ):
        with socket.create_connection(("127.0.0.1", server.port)) as bare, contextlib.suppress(ConnectionError):
            bare.settimeout(PATIENCE_S)
            bare.sendall(request)
            with contextlib.suppress(OSError):  # it may have hung up by now, on what it refuses
                bare.shutdown(socket.SHUT_WR)
            answer = bare.recv(4096)
            is_bad = answer.startswith(b"HTTP/1.1 5") or (answer[9:10] == b"2" and "nested" not in what)
            trial.report.fault("deceived", is_bad, f"{what} {route.method} {route.path}: {answer[:100]!r}")
        trial.report.count(f"bodies {what}")


def send_message(trial: Trial, server: Server, size: int) -> None:
    """A message of `size` bytes to the socket, as a batch and as an event."""
    event = json.loads(event_line(RUN_ID, 1))
    for name, data in (
        ("batch", b"x" * min(size, 200 * MiB)),
        ("mlgym_event", event | {"pad": "x" * min(size, 64 * MiB)}),
    ):
        trial.report.count("messages sent")
        try:
            connection = Connection(server.url)
            answer = connection.call(name, data)
            trial.report.fault(
                "too large and taken", size > 20 * MiB and "err" not in answer, f"{name} {size}: {answer}"
            )
            connection.close()
        except BrokenError:
            trial.report.count("connections ended by the server")


if __name__ == "__main__":
    run_script(play)
