"""Plain forms of output that commands share: tables, and the one JSON document.

Owns how they look; knows no run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec


def print_json(document: Any) -> None:
    """The one document on standard output; numbers that are not finite are null."""
    print(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Columns as wide as their widest cell; the last is not padded."""
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
