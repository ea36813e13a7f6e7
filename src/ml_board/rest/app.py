"""REST as one Flask application: the groups of routes, errors as JSON, and who may ask.

Owns what all routes have in common. What a route does lies in its blueprint.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import IO, Any

from flask import Flask, Request
from flask_cors import CORS

from ml_board.access.auth import Auth
from ml_board.access.headers import protect
from ml_board.rest.api import create_api
from ml_board.rest.checkpoints import create_checkpoints
from ml_board.rest.errors import install_error_handlers
from ml_board.rest.grid_searches import create_grid_searches
from ml_board.rest.guard import install_guard
from ml_board.rest.health import create_health
from ml_board.rest.model_cards import create_model_cards
from ml_board.rest.openapi import create_openapi
from ml_board.rest.retention import create_retention
from ml_board.rest.session import create_session
from ml_board.runs.views import RunViews
from ml_board.settings import Settings
from ml_board.telemetry import Telemetry
from mlgym_core.events.files import writing


def create_rest(settings: Settings, views: RunViews, auth: Auth, telemetry: Telemetry) -> Flask:
    """The application that answers every route of the runs, over `views`."""
    app = create_health_app(settings, auth, telemetry)
    for blueprint in (
        create_grid_searches(views),
        create_checkpoints(views),
        create_model_cards(views),
        create_api(views),
        create_retention(views),
        create_session(auth),
        create_openapi(auth),
    ):
        app.register_blueprint(blueprint)
    return app


def create_health_app(settings: Settings, auth: Auth, telemetry: Telemetry) -> Flask:
    """An application that tells of its health alone, and asks and answers as all services do."""
    app = Flask("ml_board", static_folder=None)
    app.url_map.merge_slashes = False
    app.request_class = _request_class(settings.event_storage_path)
    install_error_handlers(app, telemetry)
    install_guard(app, settings, auth)
    app.after_request(protect)
    CORS(app, origins=list(settings.origins), always_send=False)
    app.register_blueprint(create_health(settings.event_storage_path, auth, telemetry))
    return app


def _request_class(folder: Path) -> type[Request]:
    class UploadRequest(Request):
        """A request whose files wait on the disk that they are for: /tmp may be memory, and small."""

        def _get_file_stream(self, *_: Any, **__: Any) -> IO[bytes]:
            with writing(folder):
                return tempfile.TemporaryFile(dir=folder if folder.is_dir() else None)

    return UploadRequest
