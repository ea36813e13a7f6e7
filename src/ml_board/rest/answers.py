"""What routes answer with, beside errors."""

from __future__ import annotations

from typing import Any

import msgspec
from flask import Response


def json_answer(value: Any) -> Response:
    """`value`, which may hold structs, as a JSON document; numbers that are not finite become null."""
    return Response(msgspec.json.encode(value), mimetype="application/json")
