"""The command line: words on a terminal, and exit statuses. Everything else does the work.

Owns the two entry points. What a command needs is imported when it is known which one it is: `show` shall be quick,
and a run shall start its imports, in the forkserver, before those of this process.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

COMMANDS = ("run", "check", "schema", "components", "runs", "show", "sync")


def entry_point(arguments: Sequence[str] | None = None) -> int:
    """`mlgym`: the exit status of a command. 0 is done, 1 that something failed, 2 wrong use or configuration."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given[:1] in (["run"], ["check"]):
        _start_imports(given)
    from mlgym_core.cli.options import parser

    return _perform(parser().parse_args(given))


def main(arguments: Sequence[str] | None = None) -> None:
    """What a `run.py` ends with: MLgym's form of the command line, or any command of `mlgym`. Exits the process."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given and given[0] in COMMANDS:
        sys.exit(entry_point(given))
    _start_imports(given)
    from mlgym_core.cli.options import mlgym_parser

    sys.exit(_perform(mlgym_parser(Path(sys.argv[0]).name).parse_args(given)))


def _start_imports(arguments: Sequence[str]) -> None:
    if not {"-h", "--help", "main_process"}.intersection(arguments):
        from mlgym_core.execution import forkserver

        forkserver.start()


def _perform(options: Namespace) -> int:
    from mlgym_core.cli.commands import perform

    return perform(options)
