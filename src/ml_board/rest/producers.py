"""In whose name a file is sent or deleted. Owns the header that says so; knows no route."""

from __future__ import annotations

from flask import request

from ml_board.runs.views import RunViews
from mlgym_core.events.folder import RunFolder

PRODUCER = "MLgym-Producer"
"""Clients of MLgym do not send it."""


def refuse_stale(views: RunViews, run: RunFolder) -> None:
    """Raises StoreError where a newer attempt has replaced the one whose request it is, or the log cannot be read."""
    producer = request.headers.get(PRODUCER)
    if producer:
        views.view(run.run_id).check_live(producer)
