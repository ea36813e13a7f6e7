"""Signing in with a token, for browsers: a form, and the cookie of a session.

Owns the pages `/login` and `/logout`. Whether a token is right says `Auth`.
"""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from ml_board.access.auth import SESSION_S, TOO_MANY_TRIES, Auth, AuthError, address_of
from ml_board.access.headers import protect_page
from ml_board.telemetry import Telemetry


def create_login(auth: Auth, telemetry: Telemetry) -> Blueprint:
    """Routes of the form, of what it sends, and of the end of a session."""
    login = Blueprint("login", __name__, template_folder="templates")
    login.after_request(protect_page)

    @login.get("/login")
    def form() -> BaseResponse:
        try:
            auth.admit(request.environ)
        except AuthError:
            return _form(request.args.get("next", ""))
        return redirect(_own_path(request.args.get("next", "")))

    @login.post("/login")
    def sign_in() -> BaseResponse:
        token = request.form.get("token", "").strip()
        target = request.form.get("next", "")
        try:
            auth.admit_secret(token, address_of(request.environ))
        except AuthError as error:
            telemetry.refusals.labels(error.code).inc()
            waits = error.code == TOO_MANY_TRIES
            return _form(target, error, HTTPStatus.TOO_MANY_REQUESTS if waits else HTTPStatus.UNAUTHORIZED)
        response = redirect(_own_path(target), HTTPStatus.SEE_OTHER)
        response.set_cookie(
            auth.cookie,
            auth.open_session(token),
            max_age=SESSION_S,
            secure=request.is_secure or request.headers.get("X-Forwarded-Proto") == "https",
            httponly=True,
            samesite="Strict",
        )
        return response

    @login.post("/logout")
    def sign_out() -> BaseResponse:
        response = redirect("/login", HTTPStatus.SEE_OTHER)
        response.delete_cookie(auth.cookie, httponly=True, samesite="Strict")
        return response

    return login


def _form(target: str, error: AuthError | None = None, status: HTTPStatus = HTTPStatus.OK) -> Response:
    response = make_response(render_template("login.html", error=error, target=_own_path(target)), status)
    response.headers["Cache-Control"] = "no-store"
    return response


def _own_path(target: str) -> str:
    """`target` where it is a path of this service, else the board; a browser takes `//` and `/\\` for other hosts."""
    is_own = target.startswith("/") and target[1:2] not in ("/", "\\") and target.isprintable()
    return target if is_own else "/"
