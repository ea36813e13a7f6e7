"""How a service is, for those who watch over it: `/healthz` and `/metrics`. Knows no run."""

from __future__ import annotations

import tempfile
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import msgspec
from flask import Blueprint, Response, request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ml_board.access.auth import Auth, AuthError
from ml_board.rest.answers import json_answer
from ml_board.telemetry import Alarm, Telemetry

PROTOCOLS = (1, 2)
"""The versions of the socket's protocol that are spoken."""


class Health(msgspec.Struct):
    """Whether a service is well; who has no token hears only that."""

    status: Literal["ok", "degraded"]
    version: str | msgspec.UnsetType = msgspec.UNSET
    protocols: tuple[int, ...] | msgspec.UnsetType = msgspec.UNSET
    writable: bool | msgspec.UnsetType = msgspec.UNSET
    alarms: list[Alarm] | msgspec.UnsetType = msgspec.UNSET


def create_health(storage: Path, auth: Auth, telemetry: Telemetry) -> Blueprint:
    """Routes `/healthz`, which everyone may ask, and `/metrics`."""
    health = Blueprint("health", __name__)

    @health.get("/healthz")
    def healthz() -> Response:
        writable, alarms = _takes_bytes(storage), telemetry.latest_alarms()
        told = Health(status="ok" if writable and not alarms else "degraded")
        if _is_known(auth):
            told.version, told.protocols = version("mlgym-core"), PROTOCOLS
            told.writable, told.alarms = writable, alarms
        answer = json_answer(told)
        answer.status_code = HTTPStatus.OK if writable else HTTPStatus.SERVICE_UNAVAILABLE
        return answer

    @health.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(telemetry.registry), content_type=CONTENT_TYPE_LATEST)

    return health


def _is_known(auth: Auth) -> bool:
    try:
        return "read" in auth.admit(request.environ).rights
    except AuthError:
        return False


def _takes_bytes(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(4096))
    except OSError:
        return False
    return True
