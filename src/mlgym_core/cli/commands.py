"""What each command does, by calling what does it.

Owns the translation of options, and the boundary at which an error becomes a message and an exit status.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from mlgym_core.cli.reporting import TextLog, report
from mlgym_core.errors import MLGymError

FAILED, WRONG_USE = 1, 2

Command: TypeAlias = Callable[[argparse.Namespace, TextLog], int]


def perform(options: argparse.Namespace) -> int:
    """The exit status of the command that `options` name; what goes wrong is told, never raised."""
    folder = getattr(options, "text_logging_path", None)
    log = TextLog(Path(folder) if folder else None)
    try:
        status = _command(options)(options, log)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output has seen enough. The interpreter would complain when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except MLGymError as error:
        report(error, log, as_json=getattr(options, "json", False))
        return FAILED if log.has_begun else WRONG_USE
    except Exception as error:  # the boundary of the process: a fault of ours is told without a traceback too
        report(error, log, as_json=getattr(options, "json", False))
        return FAILED
    return status


def _command(options: argparse.Namespace) -> Command:
    """Imports what the command needs, and nothing that another one does."""
    name = getattr(options, "command", "mlgym")
    if name in ("runs", "show"):
        from mlgym_core.cli import reading

        return reading.runs if name == "runs" else reading.show
    if name in ("schema", "components"):
        from mlgym_core.cli import catalog

        return catalog.schema if name == "schema" else catalog.components
    if name == "card":
        from mlgym_core.cli import cards

        return cards.card
    if name == "predict":
        from mlgym_core.cli import predicting

        return predicting.predict
    if name == "verify":
        from mlgym_core.cli import verifying

        return verifying.verify
    if name == "export":
        from mlgym_core.cli import exporting

        return exporting.export
    if name in ("delete", "trash"):
        from mlgym_core.cli import deleting

        return deleting.delete if name == "delete" else deleting.trash
    if name == "sync":
        from mlgym_core.cli import syncing

        return syncing.sync
    from mlgym_core.cli import training

    if name == "check":
        return training.check
    if name == "resume":
        return training.resume
    return training.run if name == "run" else training.run_mlgym
