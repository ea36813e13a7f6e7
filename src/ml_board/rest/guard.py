"""What is looked at before any route: where a request comes from, who asks, and how much they send.

Owns the bounds of requests and the right that each needs. Knows no run.
"""

from __future__ import annotations

from flask import Flask, g, request

from ml_board.access.auth import Auth, Identity, Right
from ml_board.rest.errors import NO_LENGTH, REFUSED, TOO_LARGE, RestError
from ml_board.settings import Settings

MAX_BODY_BYTES = 16 * 2**20
MAX_PUBLIC_BYTES = 2**12
"""What may be sent by those of whom no token was asked: the form that takes one."""
MAX_QUERY_VALUES = 1_000
MAX_QUERY_BYTES = 2**15
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_UNSAFE_SEGMENTS = frozenset({".", ".."})
PUBLIC = frozenset({"pages", "login", "health.healthz"})
"""Routes, or groups of them, that tell of no run, and without which nobody could sign in."""
_ADMIN = frozenset({("DELETE", "/api/runs/<run_id>")})
_UPLOADS = frozenset({"checkpoints.save", "checkpoints.save_within_epoch"})


def install_guard(app: Flask, settings: Settings, auth: Auth) -> None:
    """Makes `app` refuse what it should not even look at, in this order: path, origin, asker, size."""

    @app.before_request
    def check() -> None:
        _check_path()
        _check_origin(settings)
        if not PUBLIC.isdisjoint((request.blueprint, request.endpoint)):
            _check_size(MAX_PUBLIC_BYTES)
            return
        if request.method != "OPTIONS":
            g.asker = auth.admit(request.environ)
            g.asker.check(needed_right(request.method, str(request.url_rule)))
        _check_size(settings.max_upload_bytes if request.endpoint in _UPLOADS else MAX_BODY_BYTES)


def asker() -> Identity:
    """Who sent the request under way, to a route that is not public."""
    identity: Identity = g.asker
    return identity


def needed_right(method: str, rule: str) -> Right:
    """What the asker of a route has to be allowed."""
    if method in _SAFE_METHODS:
        return "read"
    return "admin" if (method, rule) in _ADMIN else "write"


def _check_path() -> None:
    if not _UNSAFE_SEGMENTS.isdisjoint(request.path.replace("\\", "/").split("/")):
        raise RestError(
            f"{request.path!r:.200} leads out of the event storage",
            code=REFUSED,
            hint="ask for a run by its id; GET /api/runs lists them",
        )


def _check_origin(settings: Settings) -> None:
    origin = request.headers.get("Origin")
    if origin and request.method not in _SAFE_METHODS and not settings.allows(origin, request.host_url.rstrip("/")):
        raise RestError(
            f"pages of {origin:.200} may not change anything here",
            code=REFUSED,
            hint="name the page's origin with --cors_allowed_origins",
        )


def _check_size(max_bytes: int) -> None:
    if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
        raise RestError("the body's length is not told", code=NO_LENGTH, hint="send a Content-Length")
    size = request.content_length or 0
    if size > max_bytes:
        raise RestError(
            f"the body has {size:,} bytes; {max_bytes:,} are allowed",
            code=TOO_LARGE,
            hint="checkpoints are bounded by --max_upload_bytes, other bodies by 16 MiB",
        )
    if len(request.query_string) > MAX_QUERY_BYTES or len(list(request.args.items(multi=True))) > MAX_QUERY_VALUES:
        raise RestError(
            f"the query has more than {MAX_QUERY_VALUES:,} values or {MAX_QUERY_BYTES:,} bytes",
            code=TOO_LARGE,
            hint="ask in parts",
        )
