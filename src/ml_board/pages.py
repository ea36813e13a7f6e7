"""The board's own pages: the built front end, served as files.

Owns which file answers which path, and how long a browser may keep it. Knows no run: every page is the same program,
which asks REST and the socket for its data.
"""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, send_from_directory
from werkzeug.exceptions import NotFound

STATIC = Path(__file__).parent / "static"

_ABSENT = """<!doctype html><meta charset="utf-8"><title>MLboard</title>
<p>The board's pages are not built. In a clone of the repository, <code>make board</code> builds them;
the REST and socket endpoints of this address work without them.</p>
"""


def create_pages(folder: Path = STATIC) -> Blueprint:
    """Routes for `/`, for the files of `folder`, and for every address of the program within the page."""
    pages = Blueprint("pages", __name__)

    @pages.get("/", defaults={"path": ""})
    @pages.get("/<path:path>")
    def page(path: str) -> Response:
        if path.startswith("assets/"):  # their names change with their content
            return send_from_directory(folder, path, max_age=365 * 24 * 3600)
        if path and (folder / path).is_file():
            return send_from_directory(folder, path, max_age=3600)
        if Path(path).suffix or path.startswith("api/"):
            raise NotFound(f"There is no {path} here.")
        if not (folder / "index.html").is_file():
            return Response(_ABSENT, status=503)
        response = send_from_directory(folder, "index.html")
        response.headers["Cache-Control"] = "no-cache"
        return response

    return pages
