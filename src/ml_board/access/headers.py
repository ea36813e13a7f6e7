"""What a browser is told beside an answer: what a page may load, and who may frame or keep it. Knows no route."""

from __future__ import annotations

import re
from collections.abc import Iterable

from werkzeug.wrappers import Response

_ORIGIN = re.compile(r"(https?)://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")


def protect_page(response: Response, endpoints: Iterable[str] = ()) -> Response:
    """Lets a page load what is its own, and speak to its own service and to the addresses of `endpoints`."""
    connect = " ".join(["'self'", *(source for each in endpoints for source in _sources(each))])
    response.headers["Content-Security-Policy"] = (
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        f"font-src 'self' data:; connect-src {connect}; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    )
    return response


def protect(response: Response) -> Response:
    """What holds for each answer; one that is no page may load nothing at all."""
    headers = response.headers
    headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    headers.setdefault("Cache-Control", "private, no-cache")
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"
    # Not `no-referrer`: a browser would then send its forms with the origin `null`.
    headers["Referrer-Policy"] = "same-origin"
    return response


def _sources(endpoint: str) -> Iterable[str]:
    match = _ORIGIN.match(endpoint)
    if match:
        yield match[0]
        yield f"{match[1].replace('http', 'ws')}://{match[2]}{match[3] or ''}"
