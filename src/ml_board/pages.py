"""The board's own pages: the built front end, served as files.

Owns which file answers which path, and how long a browser may keep it. Knows no run: the one page keeps its whole state
in the query of its address and asks REST and the socket for its data, so that any other path is a file or nothing.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from flask import Blueprint, Response, redirect, request, send_from_directory
from werkzeug.wrappers import Response as BaseResponse

from ml_board.access.auth import Auth, AuthError
from ml_board.access.headers import protect_page

STATIC = Path(__file__).parent / "static"
_YEAR_S = 365 * 24 * 3600

_ABSENT = """<!doctype html><meta charset="utf-8"><title>MLboard</title>
<p>The board's pages are not built. In a clone of the repository, <code>make board</code> builds them;
the REST and socket endpoints of this address work without them.</p>
"""


def create_pages(auth: Auth, folder: Path = STATIC, endpoints: str = "") -> Blueprint:
    """Routes for the page at `/` and for the other files of `folder`.

    A page that is opened without a query gets `endpoints`, the query that says where socket and REST are.
    """
    pages = Blueprint("pages", __name__)

    @pages.after_request
    def protected(response: BaseResponse) -> BaseResponse:
        return protect_page(response, (request.args.get(name, "") for name in ("rest_endpoint", "ws_endpoint")))

    @pages.get("/")
    def page() -> BaseResponse:
        if endpoints and not request.query_string:
            return redirect(f"/?{endpoints}")
        if _has_to_sign_in(auth):
            return redirect(f"/login?next={quote(request.full_path.rstrip('?'))}")
        if not (folder / "index.html").is_file():
            return Response(_ABSENT, status=503)
        response = send_from_directory(folder, "index.html")
        response.headers["Cache-Control"] = "no-cache"
        return response

    @pages.get("/assets/<path:name>")
    def asset(name: str) -> Response:
        return send_from_directory(folder / "assets", name, max_age=_YEAR_S)  # named after its content

    @pages.get("/<name>")
    def file(name: str) -> Response:
        return send_from_directory(folder, name, max_age=3600)

    return pages


def _has_to_sign_in(auth: Auth) -> bool:
    # A link on another site brings no cookie with it: the page itself finds out whether there is a session.
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        return False
    try:
        auth.admit(request.environ)
    except AuthError:
        return True
    return False
