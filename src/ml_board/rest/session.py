"""Who the service takes the asker for, so that a page can offer to sign out. Knows no token."""

from __future__ import annotations

from flask import Blueprint, Response, request

from ml_board.auth import Auth
from ml_board.rest.answers import json_answer


def create_session(auth: Auth) -> Blueprint:
    """Route `/api/session`."""
    session = Blueprint("session", __name__)

    @session.get("/api/session")
    def show() -> Response:
        identity = auth.admit(request.environ)
        return json_answer({"name": identity.name, "rights": sorted(identity.rights), "is_open": auth.is_open})

    return session
