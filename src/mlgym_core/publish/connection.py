"""One Socket.IO connection to a server, from a thread that asks and waits.

Owns the library's client and its ways of breaking. Knows no event and no run.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Any

import socketio

from mlgym_core.publish.token import bearer

_CONNECT_S = 5
_HANG_UP_S = 5


class BrokenError(Exception):
    """The connection is of no more use: it broke, or the server was silent for too long or said what makes no sense."""


class RefusedError(Exception):
    """The server does not want this publisher: a later try without another token, or another server, is vain."""


class Connection:
    """A connection to `url`, which shows `token`; one thread uses it.

    Raises:
        BrokenError: the server could not be reached.
        RefusedError: the server refused.
    """

    def __init__(self, url: str, token: str | None) -> None:
        self._lock = threading.Lock()
        self._open: set[Future[Any]] = set()
        self._broken: str | None = None
        self._refusal: str | None = None
        self._client = socketio.Client(reconnection=False, handle_sigint=False, request_timeout=_CONNECT_S)
        self._client.on("connect_error", self._note_refusal)
        self._client.on("disconnect", self._note_disconnect)
        auth = {"token": token} if token else None
        try:
            self._client.connect(
                url, headers=bearer(token), auth=auth, transports=["websocket"], wait_timeout=_CONNECT_S
            )
        except socketio.exceptions.ConnectionError as error:
            _hang_up(self._client)
            if self._refusal is not None:
                raise RefusedError(self._refusal) from error
            raise BrokenError(str(error) or "it cannot be reached") from error

    def ask(self, event: str, data: Any) -> Future[Any]:
        """The answer to come to an event.

        Raises:
            BrokenError: the connection is broken.
        """
        answer: Future[Any] = Future()
        with self._lock:
            if self._broken is not None:
                raise BrokenError(self._broken)
            self._open.add(answer)
        try:
            self._client.emit(event, data, callback=lambda *arguments: self._settle(answer, arguments))
        except socketio.exceptions.SocketIOError as error:
            raise BrokenError(str(error)) from error
        return answer

    def give_up(self) -> None:
        """Lets who waits for an answer wait no longer; any thread may call this."""
        self._break("closed")

    def close(self) -> None:
        """Ends it."""
        self.give_up()
        _hang_up(self._client)

    def _settle(self, answer: Future[Any], arguments: tuple[Any, ...]) -> None:
        with self._lock:
            if answer not in self._open:  # it came too late
                return
            self._open.discard(answer)
        answer.set_result(arguments[0] if arguments else None)

    def _note_refusal(self, reason: Any = None) -> None:
        if isinstance(reason, dict):  # a word of the server's; what broke on the way is told as text
            self._refusal = str(reason.get("message") or "the server refused the connection")

    def _note_disconnect(self, *reason: object) -> None:
        self._break(f"disconnected ({', '.join(map(str, reason))})")

    def _break(self, why: str) -> None:
        with self._lock:
            self._broken = self._broken or why
            waiting, self._open = self._open, set()
        for answer in waiting:
            answer.set_exception(BrokenError(self._broken))


def wait_for(answer: Future[Any], seconds: float) -> Any:
    """The answer, if it comes in time.

    Raises:
        BrokenError: it did not.
    """
    try:
        return answer.result(seconds)
    except TimeoutError as error:
        raise BrokenError(f"no acknowledgement within {seconds:.0f} s") from error


def _hang_up(client: socketio.Client) -> None:
    """Closes the socket once the library's threads have left it: its descriptor may be the next connection's at once.

    A parting in form would wait for these threads, and they for one another, for up to half a minute.
    """
    bare, reader = client.eio.ws, client.eio.read_loop_task
    if bare is None or reader is None:
        return
    bare.abort()
    client.eio.queue.put(None)  # ends the one that writes, for which the one that reads waits
    reader.join(_HANG_UP_S)
    if not reader.is_alive():
        bare.shutdown()
