"""What goes wrong, told on a terminal: one clear message there, the traceback in a file.

Owns the file of tracebacks and the form of messages.
"""

from __future__ import annotations

import sys
import tempfile
import traceback
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from mlgym_core.cli.terminal import print_json
from mlgym_core.errors import ConfigError, Diagnostic, MLGymError
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.projections.run_state import RunState
from mlgym_core.events.types import Event, JobStatus


class TextLog:
    """A file with tracebacks, made when there is the first one; as a watcher it keeps those of experiments.

    It lies in `folder`, else beside the run's log, else, where there is no run, among the system's temporary files.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self.path: Path | None = None
        self.has_begun = False
        self._name = f"mlgym-{datetime.now():%Y-%m-%d--%H-%M-%S}.log"

    def begin(self, run: RunFolder, _experiment_ids: Sequence[int]) -> None:
        """Names the file after the run."""
        self.has_begun = True
        self._name = f"{run.run_id}.log"
        if self.folder is None:
            self.folder = run.path

    def see(self, events: Sequence[Event], _state: RunState) -> None:
        """Keeps why experiments failed."""
        for event in events:
            payload = event.payload
            if isinstance(payload, JobStatus) and payload.error:
                self.write(f"experiment {payload.experiment_id}: {payload.error}\n{payload.stacktrace or ''}")

    def write(self, text: str) -> None:
        """Adds a paragraph with the time."""
        if self.path is None:
            self.path = self._open()
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{datetime.now().isoformat(timespec='milliseconds')} {text.rstrip()}\n\n")

    def _open(self) -> Path:
        if self.folder is None:
            prefix, _, suffix = self._name.partition(".")
            with tempfile.NamedTemporaryFile(prefix=f"{prefix}-", suffix=f".{suffix}", delete=False) as file:
                return Path(file.name)
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / self._name


def report(error: Exception, log: TextLog, *, as_json: bool) -> None:
    """Tells of an error on standard error, and with `as_json` as the one document on standard output."""
    is_expected = isinstance(error, MLGymError)
    try:
        log.write("".join(traceback.format_exception(error)))
        where = f"\n  traceback: {log.path}"
    except OSError as unwritable:
        where = f"\n  the traceback could not be kept: {unwritable}"
    text = str(error) if is_expected else f"MG100 this is a fault of mlgym: {type(error).__name__}: {error}"
    print(f"{text}{where}", file=sys.stderr)
    if as_json:
        print_json(_document(error))


def _document(error: Exception) -> dict[str, Any]:
    if not isinstance(error, MLGymError):
        return {"error": {"code": "MG100", "message": f"{type(error).__name__}: {error}", "hint": None}}
    document: dict[str, Any] = {"error": {"code": error.code, "message": error.message, "hint": error.hint}}
    if isinstance(error, ConfigError):
        document["diagnostics"] = [_diagnostic(each) for each in error.diagnostics]
    return document


def _diagnostic(diagnostic: Diagnostic) -> dict[str, Any]:
    place = diagnostic.place
    return {
        "code": diagnostic.code,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
        "file": place.file if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
    }
