"""Who can reach a service at all: where it listens without a token, the names it answers to, and how long it waits.

Knows no route; what someone who reached it may do says `auth`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import orjson

from ml_board.access.auth import Auth
from ml_board.access.tokens import MAKE_ONE
from ml_board.settings import Settings
from mlgym_core.errors import RunError

Application: TypeAlias = Any
"""An ASGI application: uvicorn, python-socketio and a2wsgi each spell its type in their own way."""

PATIENCE_S = 60.0
"""How long the next piece of a body may take."""
SMALL_BYTES = 2**16
OPEN_TO_OTHERS = "MG621"
UNKNOWN_HOST = "MG610"


def check_exposure(listener: socket.socket, auth: Auth) -> None:
    """Refuses to be open to others without a token.

    Raises:
        RunError: `listener` is reached from other machines, and no token is set.
    """
    address = listener.getsockname()[0]
    if auth.is_open and not ipaddress.ip_address(address.partition("%")[0]).is_loopback:
        raise RunError(
            f"{address} can be reached by others, who could read and change all runs: that needs a token",
            code=OPEN_TO_OTHERS,
            hint=f'export MLGYM_TOKEN="$({MAKE_ONE})"\n  or name a file of tokens with --token_file; '
            "without either, the board serves this machine alone (--host 127.0.0.1)",
        )


def answering_to(settings: Settings, application: Application) -> Application:
    """`application`, which answers only to the names of `settings`.

    Else a page of any site could give its own name this address, and would then read every run as its own.
    """

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        hosts = [value.decode("latin1") for name, value in scope.get("headers", ()) if name == b"host"]
        if all(settings.serves(host) for host in hosts):
            await application(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "unknown host"})
        else:
            await _refuse(hosts[0], send)

    return answer


def with_patience(application: Application, patience_s: float = PATIENCE_S) -> Application:
    """`application`, to which a client that stops in the middle of a body is gone.

    A small body is there as a whole before `application` is called: else anyone could hold its threads for as long as
    they like, one byte after the other. Who may send a large one has been asked for a token before it is read.
    """

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        async def receive_soon() -> Any:
            if arrived:
                return arrived.popleft()
            try:
                return await asyncio.wait_for(receive(), patience_s)
            except TimeoutError:
                return {"type": "http.disconnect"}

        arrived: deque[Any] = deque()
        if scope["type"] == "http" and _announced_bytes(scope) <= SMALL_BYTES:
            arrived = await _gather(receive_soon)
        await application(scope, receive_soon if scope["type"] == "http" else receive, send)

    return answer


def _announced_bytes(scope: Any) -> int:
    """The size of a body that says it and is to be read, as one in chunks is not."""
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"0" if b"transfer-encoding" not in headers else b"")
    return int(length) if length.isdigit() else SMALL_BYTES + 1


async def _gather(receive: Callable[[], Awaitable[Any]]) -> deque[Any]:
    messages = deque([await receive()])
    while messages[-1].get("more_body"):
        messages.append(await receive())
    return messages


async def _refuse(host: str, send: Any) -> None:
    error = {
        "code": UNKNOWN_HOST,
        "message": f"this service is not known as {host!r:.200}",
        "hint": "start it with --allowed_hosts and that name, or open it by its own address",
    }
    headers = [(b"content-type", b"application/json"), (b"x-content-type-options", b"nosniff")]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": orjson.dumps({"error": error})})
