"""The services of the board, put together and run: socket, REST and pages, in one process or each in its own.

Owns the application that answers on a port, and its beginning and end. Knows nothing of options.
"""

from __future__ import annotations

import resource
import signal
import socket as sockets
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

import socketio
import uvicorn
from a2wsgi import WSGIMiddleware
from flask import Flask
from werkzeug.wsgi import FileWrapper

from ml_board.access.auth import Auth
from ml_board.access.exposure import Application, answering_to, with_patience
from ml_board.access.headers import protect
from ml_board.access.login import create_login
from ml_board.pages import create_pages
from ml_board.rest.app import create_health_app, create_rest
from ml_board.runs.views import RunViews
from ml_board.settings import Settings
from ml_board.socket.packets import MAX_MESSAGE_BYTES
from ml_board.socket.server import EventServer
from ml_board.telemetry import Telemetry
from mlgym_core.errors import RunError
from mlgym_core.events.files import writing
from mlgym_core.events.folder import EventStorage
from mlgym_core.events.retention import KEPT_DAYS, empty_trash

SHUTDOWN_SECONDS = 2
NUM_THREADS = 32
FILE_CHUNK_BYTES = 2**18
"""How much of a file goes from its thread to the network at once; the library's 8 KiB take many times as long."""
MAX_HEADER_BYTES = 2**16
MAX_FILES = 8192
OPEN = Auth()
"""No token is set: everyone who reaches the service may do everything."""


async def _nothing() -> None:
    return


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """An application, and how it ends while its clients are still connected."""

    application: Application
    end: Callable[[], Awaitable[None]] = _nothing


class _Server(uvicorn.Server):
    """A server that ends its service first: it would wait for polls that hang, and then break them off."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    async def shutdown(self, sockets: list[sockets.socket] | None = None) -> None:
        for server in self.servers:
            server.close()  # or those who are hung up on would come back at once
        await self._service.end()
        await super().shutdown(sockets)


def create_board(settings: Settings, auth: Auth = OPEN) -> Service:
    """Socket, REST and pages as one application, over one view of the runs."""
    views, telemetry = _open_views(settings), Telemetry()
    rest = create_rest(settings, views, auth, telemetry)
    rest.register_blueprint(create_login(auth, telemetry))
    rest.register_blueprint(create_pages(auth))
    return _with_socket(settings, EventServer(settings, views, auth, telemetry), _as_asgi(rest))


def create_socket_endpoint(settings: Settings, auth: Auth = OPEN) -> Service:
    """The socket alone, with what tells of its health."""
    telemetry = Telemetry()
    health = create_health_app(settings, auth, telemetry)
    return _with_socket(settings, EventServer(settings, _open_views(settings), auth, telemetry), _as_asgi(health))


def create_rest_endpoint(settings: Settings, auth: Auth = OPEN) -> Service:
    """REST alone."""
    rest = create_rest(settings, _open_views(settings), auth, Telemetry())
    return Service(application=answering_to(settings, _as_asgi(rest)))


def create_front_end(endpoints: str = "") -> Service:
    """The pages alone; they are told in their address where socket and REST are, by the query `endpoints` at first."""
    pages = Flask(__name__, static_folder=None)
    pages.after_request(protect)
    pages.register_blueprint(create_pages(OPEN, endpoints=endpoints))
    return Service(application=_as_asgi(pages))


def recent_runs(settings: Settings, limit: int) -> list[str]:
    """Ids of the newest runs, newest first."""
    return [run.run_id for run in EventStorage(settings.event_storage_path).runs()[:limit]]


def find_run(settings: Settings, run_id: str) -> str:
    """The id itself, or that of the newest run for `last`. Raises StoreError where there is no run yet."""
    return EventStorage(settings.event_storage_path).open(run_id).run_id if run_id == "last" else run_id


def listen(host: str, port: int) -> sockets.socket:
    """A listening socket.

    Raises:
        RunError: the port is taken, or the host is none of this machine.
    """
    try:
        family = sockets.getaddrinfo(host, port, type=sockets.SOCK_STREAM)[0][0]
        return sockets.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise RunError(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            code="MG620",
            hint="end what uses the port, or name another one with --port",
        ) from error


def address(host: str, listener: sockets.socket) -> str:
    """Where a browser on this machine reaches `listener`, which was opened for `host`."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{listener.getsockname()[1]}"


def create_server(service: Service) -> uvicorn.Server:
    """A server of `service`, which does not run yet."""
    return _Server(
        uvicorn.Config(
            service.application,
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            http="h11",  # the other one, httptools, keeps headers without end
            h11_max_incomplete_event_size=MAX_HEADER_BYTES,
            ws_max_size=MAX_MESSAGE_BYTES,
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        ),
        service,
    )


def serve(service: Service, listener: sockets.socket) -> None:
    """Answers on `listener` until SIGINT or SIGTERM, then ends in order."""
    allow_many_files()
    # uvicorn ends in order at either signal and then raises it again, which would end the process with a trace.
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, _already_ended)
    create_server(service).run(sockets=[listener])


def allow_many_files() -> None:
    """Raises the number of files and connections that this process may have open, which macOS starts with 256."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _already_ended(*_: object) -> None:
    return


def _as_asgi(app: Flask) -> Application:
    def with_files(environ: dict[str, Any], start_response: Any) -> Any:
        environ["wsgi.file_wrapper"] = lambda file, _: FileWrapper(file, FILE_CHUNK_BYTES)
        return app(environ, start_response)

    # Each of the two has a WSGI type of its own. A thread is held for as long as a checkpoint is being sent.
    return with_patience(WSGIMiddleware(cast(Any, with_files), workers=NUM_THREADS))


def _open_views(settings: Settings) -> RunViews:
    path = settings.event_storage_path
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    empty_trash(EventStorage(path), KEPT_DAYS, by="ml_board")
    return RunViews(path)


def _with_socket(settings: Settings, events: EventServer, beside: Application) -> Service:
    return Service(application=answering_to(settings, socketio.ASGIApp(events.socket, beside)), end=events.close)
