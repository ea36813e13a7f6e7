"""Every error of the REST services as JSON: what happened, under which code, and what to do.

Owns the refusals that routes raise and their status codes; knows no route.
"""

from __future__ import annotations

import errno
from http import HTTPStatus

from flask import Flask, Response, jsonify
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from ml_board.access.auth import NOT_ALLOWED, TOO_MANY_TRIES, WRONG_WITHIN_S, AuthError
from ml_board.telemetry import Telemetry
from mlgym_core.errors import MLGymError
from mlgym_core.events import codes


class RestError(MLGymError):
    """A request that cannot be answered as asked; its code says with which status."""


REFUSED = "MG601"
MISSING = "MG602"
UNFIT = "MG603"
METHOD = "MG604"
INTERNAL = "MG605"
TOO_LARGE = "MG608"
NO_LENGTH = "MG609"
TAKEN = "MG611"

STATUS = {
    REFUSED: HTTPStatus.FORBIDDEN,
    MISSING: HTTPStatus.NOT_FOUND,
    UNFIT: HTTPStatus.UNPROCESSABLE_ENTITY,
    TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    NO_LENGTH: HTTPStatus.LENGTH_REQUIRED,
    TAKEN: HTTPStatus.PRECONDITION_FAILED,
    NOT_ALLOWED: HTTPStatus.FORBIDDEN,
    TOO_MANY_TRIES: HTTPStatus.TOO_MANY_REQUESTS,
    codes.UNAUTHORIZED: HTTPStatus.UNAUTHORIZED,
    codes.BAD_NAME: HTTPStatus.FORBIDDEN,
    codes.NOT_FOUND: HTTPStatus.NOT_FOUND,
    codes.LOCKED: HTTPStatus.CONFLICT,
    codes.FENCED: HTTPStatus.CONFLICT,
    codes.DAMAGED: HTTPStatus.CONFLICT,
    codes.REWRITTEN: HTTPStatus.CONFLICT,
    codes.NOT_READABLE: HTTPStatus.CONFLICT,
    codes.NOT_WRITABLE: HTTPStatus.INSUFFICIENT_STORAGE,
    codes.DISK_FULL: HTTPStatus.INSUFFICIENT_STORAGE,
}


HINTS = {
    HTTPStatus.NOT_FOUND: "GET /api/openapi.json lists the routes, GET /api/runs the runs",
    HTTPStatus.METHOD_NOT_ALLOWED: "the header Allow says what is served here",
    HTTPStatus.INTERNAL_SERVER_ERROR: "this is a fault of the board: please report it with what the board printed",
}
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def install_error_handlers(app: Flask, telemetry: Telemetry) -> None:
    """Make `app` answer each error in the one form, those of Flask itself too."""

    @app.errorhandler(MLGymError)
    def refuse(error: MLGymError) -> Response:
        status = STATUS.get(error.code, HTTPStatus.INTERNAL_SERVER_ERROR)
        response = _answer(status, error.code, error.message, error.hint or HINTS.get(status))
        if isinstance(error, AuthError):
            telemetry.refusals.labels(error.code).inc()
        if status == HTTPStatus.UNAUTHORIZED:
            response.headers["WWW-Authenticate"] = "Bearer"
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            response.headers["Retry-After"] = f"{WRONG_WITHIN_S:.0f}"
        return response

    @app.errorhandler(HTTPException)
    def refuse_request(error: HTTPException) -> BaseResponse:
        status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
        code = {HTTPStatus.NOT_FOUND: MISSING, HTTPStatus.INTERNAL_SERVER_ERROR: INTERNAL}.get(status, METHOD)
        answer = _answer(status, code, error.description or status.phrase, HINTS.get(status))
        response = error.get_response()  # with what the protocol asks for beside the words, such as Allow
        response.data = answer.data
        response.content_type = answer.content_type
        return response

    @app.errorhandler(OSError)
    def refuse_for_want_of_room(error: OSError) -> Response:
        if error.errno not in _FULL:
            raise error
        return _answer(
            HTTPStatus.INSUFFICIENT_STORAGE,
            codes.DISK_FULL,
            f"the event storage takes no more: {error.strerror}",
            "free some room on its disk, and send again",
        )


def _answer(status: HTTPStatus, code: str, message: str, hint: str | None) -> Response:
    response = jsonify(error={"code": code, "message": message, "hint": hint})
    response.status_code = status
    return response
