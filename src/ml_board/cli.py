"""The commands of the board, with the words that users of MLgym know.

Owns options, exit statuses and what is printed. Knows no socket and no route: `service` does the work.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from socket import socket
from typing import get_args
from urllib.parse import quote

from ml_board import service
from ml_board.access.auth import Auth
from ml_board.access.exposure import check_exposure
from ml_board.access.tokens import read_tokens
from ml_board.settings import ANY_HOST, LOOPBACK, LOOPBACK_HOSTS, MAX_UPLOAD_BYTES, Settings, origin_patterns
from mlgym_core.config.settings import default_event_storage
from mlgym_core.errors import MLGymError
from mlgym_core.events.durability import Durability

NUM_LINKS = 5
WRONG_USE = 2
MAX_PORT = 65535


def ml_board() -> None:
    """Entry point of `ml_board`."""
    sys.exit(_guarded(_run_board))


def ml_board_ws_endpoint() -> None:
    """Entry point of `ml_board_ws_endpoint`."""
    sys.exit(_guarded(_run_ws_endpoint))


def ml_board_rest_endpoint() -> None:
    """Entry point of `ml_board_rest_endpoint`."""
    sys.exit(_guarded(_run_rest_endpoint))


def _guarded(command: Callable[[Sequence[str]], None]) -> int:
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    try:
        command(sys.argv[1:])
    except MLGymError as error:
        print(f"error: {error}", file=sys.stderr)
        return WRONG_USE
    return 0


def _run_board(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="ml_board", description="Watch runs in a browser: socket, REST and board in one process, on one port."
    )
    _add_storage(parser)
    _add_address(parser, port=8080)
    _add_exposure(parser)
    apart = parser.add_argument_group("only the front end, for endpoints that were started apart")
    apart.add_argument("--rest_endpoint", metavar="URL", help="of ml_board_rest_endpoint")
    apart.add_argument("--ws_endpoint", metavar="URL", help="of ml_board_ws_endpoint")
    apart.add_argument("--run_id", metavar="ID", help="the run to show; `last` is the newest one of the event storage")
    options = parser.parse_args(argv)
    if (options.rest_endpoint is None) != (options.ws_endpoint is None):
        parser.error("--rest_endpoint and --ws_endpoint go together; without both, everything is served here")
    auth = Auth(read_tokens(os.environ, options.token_file))
    with service.listen(options.host, options.port) as listener:
        check_exposure(listener, auth)
        address = service.address(options.host, listener)
        if options.rest_endpoint:
            endpoints = f"rest_endpoint={quote(options.rest_endpoint)}&ws_endpoint={quote(options.ws_endpoint)}"
            _announce(f"{address}?{endpoints}" + (f"&run_id={quote(options.run_id)}" if options.run_id else ""))
            service.serve(service.create_front_end(endpoints), listener)
        else:
            _serve_board(options, auth, address, listener)


def _serve_board(options: argparse.Namespace, auth: Auth, address: str, listener: socket) -> None:
    settings = _settings(options, auth)
    board = service.create_board(settings, auth)
    shown = service.find_run(settings, options.run_id) if options.run_id else None
    _announce(f"{address}/?run_id={quote(shown)}" if shown else address)
    for run_id in service.recent_runs(settings, NUM_LINKS):
        print(f"  {run_id}  {address}/?run_id={quote(run_id)}", flush=True)
    service.serve(board, listener)


def _run_ws_endpoint(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="ml_board_ws_endpoint", description="Serve events over Socket.IO: publishers send, boards receive."
    )
    _serve_endpoint(parser, argv, service.create_socket_endpoint)


def _run_rest_endpoint(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="ml_board_rest_endpoint", description="Serve runs, configurations and checkpoints over HTTP."
    )
    _serve_endpoint(parser, argv, service.create_rest_endpoint)


def _serve_endpoint(
    parser: argparse.ArgumentParser, argv: Sequence[str], create: Callable[[Settings, Auth], service.Service]
) -> None:
    _add_storage(parser)
    _add_address(parser, port=None)
    _add_exposure(parser)
    options = parser.parse_args(argv)
    auth = Auth(read_tokens(os.environ, options.token_file))
    with service.listen(options.host, options.port) as listener:
        check_exposure(listener, auth)
        endpoint = create(_settings(options, auth), auth)
        print(f"listening on {service.address(options.host, listener)}", flush=True)
        service.serve(endpoint, listener)


def _add_storage(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--event_storage_path",
        metavar="DIR",
        type=Path,
        default=default_event_storage(os.environ),
        help="folder of the runs (default: MLGYM_EVENT_STORAGE, else event_storage)",
    )
    parser.add_argument(
        "--durability",
        choices=get_args(Durability),
        default="synced",
        help="whether what is published is synced to the disk before it is acknowledged (default: synced)",
    )


def _add_address(parser: argparse.ArgumentParser, *, port: int | None) -> None:
    parser.add_argument(
        "--host", "--ml_board_host", default="127.0.0.1", help="interface to listen on (default: this machine alone)"
    )
    parser.add_argument(
        "--port",
        "--ml_board_port",
        type=_port,
        default=port,
        required=port is None,
        help="port to listen on; 0 takes a free one" + (f" (default: {port})" if port else ""),
    )


def _add_exposure(parser: argparse.ArgumentParser) -> None:
    exposure = parser.add_argument_group("who may use it")
    exposure.add_argument(
        "--token_file",
        metavar="FILE",
        type=Path,
        help="tokens with their rights (default: MLGYM_TOKEN_FILE; MLGYM_TOKEN is a token with all rights)",
    )
    exposure.add_argument(
        "--cors_allowed_origins",
        metavar="ORIGIN",
        nargs="+",
        help="web pages that may use this service, beside its own (default: pages of this machine)",
    )
    exposure.add_argument(
        "--allowed_hosts",
        metavar="NAME",
        nargs="+",
        default=[],
        help="names that it is reached by, as behind a proxy (default: this machine's; with a token, any)",
    )
    exposure.add_argument(
        "--max_upload_bytes",
        metavar="N",
        type=int,
        default=MAX_UPLOAD_BYTES,
        help="size of the largest checkpoint (default: 16 GiB)",
    )


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: a whole number up to {MAX_PORT}")
    return int(text)


def _settings(options: argparse.Namespace, auth: Auth) -> Settings:
    origins = options.cors_allowed_origins
    hosts = {host.lower() for host in options.allowed_hosts}
    bound = f"[{options.host}]" if ":" in options.host else options.host.lower()
    if not hosts and not auth.is_open:
        hosts = {ANY_HOST}  # another name brings no session: a page that gives itself this address reads nothing
    return Settings(
        event_storage_path=options.event_storage_path,
        origins=origin_patterns(origins) if origins else (LOOPBACK,),
        hosts=LOOPBACK_HOSTS | hosts | {bound},
        max_upload_bytes=options.max_upload_bytes,
        durability=options.durability,
    )


def _announce(url: str) -> None:
    print(f"====> ACCESS MLBOARD VIA {url}", flush=True)
