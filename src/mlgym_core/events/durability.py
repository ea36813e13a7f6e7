"""When a written line counts as safe. Knows no log."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

Durability: TypeAlias = Literal["synced", "written"]
"""`synced` survives a power cut, `written` the end of any process alone."""


def _leave_to_the_system(_: int) -> None:
    return


SYNCS: Mapping[Durability, Callable[[int], None]] = {
    # macOS has no fdatasync; its fsync takes the times of change along.
    "synced": getattr(os, "fdatasync", os.fsync),
    "written": _leave_to_the_system,
}
"""What makes the bytes of an open file as safe as is asked for."""
