"""Runs a script, or the board, by a clock that is off by what a file says, in seconds; it may jump at any time.

shifted.py FILE board OPTIONS …        shifted.py FILE workers.py ARGUMENTS …
"""

from __future__ import annotations

import runpy
import sys
import time
from pathlib import Path


def shift(path: Path) -> None:
    """Lets the clock of this process follow the file; that of the steps in between stays as it is."""
    true_time_ns = time.time_ns

    def shifted_time_ns() -> int:
        return true_time_ns() + int(float(path.read_text() or "0") * 1e9)

    time.time_ns = shifted_time_ns
    time.time = lambda: shifted_time_ns() / 1e9


def main(path: str, program: str, *arguments: str) -> None:
    """Shifts, then runs."""
    shift(Path(path))
    sys.argv[:] = [program, *arguments]
    if program == "board":
        from ml_board.cli import ml_board  # by now the clock is the other one

        ml_board()
    else:
        runpy.run_path(str(Path(__file__).with_name(program)), run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
