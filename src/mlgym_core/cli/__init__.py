"""The command line: words on a terminal, and exit statuses. Everything else does the work.

Owns the two entry points. What a command needs is imported when it is known which one it is: `show` shall be quick,
and a run shall start its imports, in the forkserver, before those of this process.
"""

from __future__ import annotations

import signal
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import FrameType
from typing import NoReturn

COMMANDS = (
    "run",
    "resume",
    "check",
    "schema",
    "components",
    "runs",
    "show",
    "card",
    "predict",
    "verify",
    "export",
    "delete",
    "trash",
    "sync",
)
_TRAINING = ("run", "resume", "check")


def entry_point() -> int:
    """`mlgym`: the exit status of a command. 0 is done, 1 that something failed, 2 wrong use or configuration."""
    from mlgym_core.cli.options import parser

    arguments = sys.argv[1:]
    if arguments and arguments[0] in _TRAINING:
        return _perform_training(arguments, parser)
    return _perform(arguments, parser)


def main() -> None:
    """What a `run.py` ends with: MLgym's form of the command line, or any command of `mlgym`. Exits the process."""
    from mlgym_core.cli.options import mlgym_parser

    if sys.argv[1:] and sys.argv[1] in COMMANDS:
        sys.exit(entry_point())
    sys.exit(_perform_training(sys.argv[1:], lambda: mlgym_parser(Path(sys.argv[0]).name)))


def _perform_training(arguments: Sequence[str], make_parser: Callable[[], ArgumentParser]) -> int:
    # Until a run handles both, SIGTERM interrupts as Ctrl-C does, and that does too where a shell started this in the
    # background and so with Ctrl-C ignored.
    _handle_signals(_interrupt)
    from mlgym_core.execution import forkserver
    from mlgym_core.execution.libraries import libraries_of_files

    needs_server = not {"-h", "--help", "main_process"}.intersection(arguments)
    start = partial(forkserver.start, also=libraries_of_files(arguments))
    try:
        return _perform(arguments, make_parser, first=start if needs_server else None)
    finally:
        _handle_signals(signal.SIG_IGN)
        forkserver.stop()


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    # What follows is obeyed already: it must not interrupt that, nor the message about it.
    _handle_signals(signal.SIG_IGN)
    raise KeyboardInterrupt


def _handle_signals(handler: Callable[[int, FrameType | None], NoReturn] | signal.Handlers) -> None:
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, handler)


def _perform(
    arguments: Sequence[str], make_parser: Callable[[], ArgumentParser], first: Callable[[], None] | None = None
) -> int:
    try:
        if first is not None:
            first()
        options = make_parser().parse_args(arguments)
        from mlgym_core.cli.commands import perform

        return perform(options)
    except KeyboardInterrupt:
        # A run under way handles the signal itself, so nothing was made that this could leave half done.
        print("interrupted", file=sys.stderr)
        return 1
