"""Runs the board while a file says how large its files may grow, in bytes; nothing there is no bound.

limited.py FILE OPTIONS …
"""

from __future__ import annotations

import resource
import sys
import threading
import time
from pathlib import Path

from ml_board.cli import ml_board


def follow(path: Path) -> None:
    """Bounds this process as the file says, for ever."""
    _, highest = resource.getrlimit(resource.RLIMIT_FSIZE)
    while True:
        said = path.read_text()
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(said) if said else highest, highest))
        time.sleep(0.005)


if __name__ == "__main__":
    threading.Thread(target=follow, args=(Path(sys.argv.pop(1)),), daemon=True).start()
    ml_board()
