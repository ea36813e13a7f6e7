"""Every error of the REST services as JSON: what happened, under which code, and what to do.

Owns the refusals that routes raise and their status codes; knows no route.
"""

from __future__ import annotations

from http import HTTPStatus

from flask import Flask, Response, jsonify
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from ml_board.auth import NOT_ALLOWED, TOO_MANY_TRIES
from mlgym_core.errors import MLGymError
from mlgym_core.events import codes


class RestError(MLGymError):
    """A request that cannot be answered as asked; its code says with which status."""


REFUSED = "MG601"
MISSING = "MG602"
UNFIT = "MG603"
METHOD = "MG604"
INTERNAL = "MG605"

STATUS = {
    REFUSED: HTTPStatus.FORBIDDEN,
    MISSING: HTTPStatus.NOT_FOUND,
    UNFIT: HTTPStatus.UNPROCESSABLE_ENTITY,
    NOT_ALLOWED: HTTPStatus.FORBIDDEN,
    TOO_MANY_TRIES: HTTPStatus.TOO_MANY_REQUESTS,
    codes.UNAUTHORIZED: HTTPStatus.UNAUTHORIZED,
    codes.BAD_NAME: HTTPStatus.FORBIDDEN,
    codes.NOT_FOUND: HTTPStatus.NOT_FOUND,
    codes.LOCKED: HTTPStatus.CONFLICT,
    codes.DAMAGED: HTTPStatus.CONFLICT,
    codes.REWRITTEN: HTTPStatus.CONFLICT,
    codes.NOT_READABLE: HTTPStatus.CONFLICT,
    codes.NOT_WRITABLE: HTTPStatus.INSUFFICIENT_STORAGE,
}


def install_error_handlers(app: Flask) -> None:
    """Make `app` answer each error in the one form, those of Flask itself too."""

    @app.errorhandler(MLGymError)
    def refuse(error: MLGymError) -> Response:
        return _answer(STATUS.get(error.code, HTTPStatus.INTERNAL_SERVER_ERROR), error.code, error.message, error.hint)

    @app.errorhandler(HTTPException)
    def refuse_request(error: HTTPException) -> BaseResponse:
        status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
        code = {HTTPStatus.NOT_FOUND: MISSING, HTTPStatus.INTERNAL_SERVER_ERROR: INTERNAL}.get(status, METHOD)
        answer = _answer(status, code, error.description or status.phrase, None)
        response = error.get_response()  # with what the protocol asks for beside the words, such as Allow
        response.data = answer.data
        response.content_type = answer.content_type
        return response


def _answer(status: HTTPStatus, code: str, message: str, hint: str | None) -> Response:
    response = jsonify(error={"code": code, "message": message, "hint": hint})
    response.status_code = status
    return response
