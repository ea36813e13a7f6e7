"""Who the service takes the asker for, so that a page can offer to sign out. Knows no token."""

from __future__ import annotations

import msgspec
from flask import Blueprint, Response

from ml_board.access.auth import Auth
from ml_board.rest.answers import json_answer
from ml_board.rest.guard import asker


class Session(msgspec.Struct):
    """Who asks, by the name of their token; `is_open` where the service needs none."""

    name: str
    rights: list[str]
    is_open: bool


def create_session(auth: Auth) -> Blueprint:
    """Route `/api/session`."""
    session = Blueprint("session", __name__)

    @session.get("/api/session")
    def show() -> Response:
        identity = asker()
        return json_answer(Session(name=identity.name, rights=sorted(identity.rights), is_open=auth.is_open))

    return session
