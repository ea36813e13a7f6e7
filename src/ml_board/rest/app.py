"""REST as one Flask application: the groups of routes, errors as JSON, and who may ask.

Owns what all routes have in common. What a route does lies in its blueprint.
"""

from __future__ import annotations

from flask import Flask, request
from flask_cors import CORS

from ml_board.auth import Auth
from ml_board.rest.api import create_api
from ml_board.rest.checkpoints import create_checkpoints
from ml_board.rest.errors import REFUSED, RestError, install_error_handlers
from ml_board.rest.model_cards import create_model_cards
from ml_board.rest.runs import create_runs
from ml_board.runs import RunViews
from ml_board.settings import Settings

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_UNSAFE_SEGMENTS = frozenset({".", ".."})


def create_rest(settings: Settings, views: RunViews, auth: Auth) -> Flask:
    """The application that answers every route of the runs, over `views`."""
    app = Flask("ml_board", static_folder=None)
    app.url_map.merge_slashes = False
    install_error_handlers(app)
    CORS(app, origins=list(settings.origins), always_send=False)

    @app.before_request
    def check() -> None:
        if not _UNSAFE_SEGMENTS.isdisjoint(request.path.replace("\\", "/").split("/")):
            raise RestError(f"{request.path!r} leads out of the event storage", code=REFUSED)
        origin = request.headers.get("Origin")
        if origin and request.method not in _SAFE_METHODS and not settings.allows(origin, request.host_url.rstrip("/")):
            raise RestError(
                f"pages of {origin} may not change anything here",
                code=REFUSED,
                hint="name the page's origin with --cors_allowed_origins",
            )
        if request.method != "OPTIONS" and request.blueprint != "pages":
            auth.admit(request.environ).check("read" if request.method in _SAFE_METHODS else "write")

    for blueprint in (create_runs(views), create_checkpoints(views), create_model_cards(views), create_api(views)):
        app.register_blueprint(blueprint)
    return app
