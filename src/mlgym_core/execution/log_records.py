"""Python's `logging` while an experiment is trained: its records become events of that experiment.

Owns the handler and what is done to the root logger meanwhile. It must not know what becomes of an event.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from mlgym_core.config.settings import LogLevel
from mlgym_core.execution.process_logs import ProcessLog

_OURS = ("mlgym_core", "ml_board")
_FORMAT = logging.Formatter("%(name)s: %(message)s")


@contextmanager
def recording(
    log: ProcessLog, level: LogLevel, *, is_output_recorded: bool = False, keeps_last_resort: bool = False
) -> Iterator[None]:
    """While entered, what is logged from `level` on goes to `log`; of this package's own diagnostics, warnings do.

    With `is_output_recorded`, what this process writes is an event already, so nothing that a handler writes there is
    told twice: handlers of the root logger step aside for the records, which know their level, and where a logger has
    one of its own its lines are enough. With `keeps_last_resort` warnings that nobody handles are still written on
    standard error, as they are without this.
    """
    root = logging.getLogger()
    aside = [each for each in root.handlers if _writes_output(each)] if is_output_recorded else []
    for each in aside:
        root.removeHandler(each)
    handler = _RecordHandler(
        log, is_output_recorded=is_output_recorded, keeps_last_resort=keeps_last_resort and not root.handlers
    )
    handler.setLevel(level)
    before = root.level
    if not root.handlers:
        # Nobody else has said what shall be heard, nor would hear more than they want.
        root.setLevel(level)
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
        for each in aside:
            root.addHandler(each)


class _RecordHandler(logging.Handler):
    def __init__(self, log: ProcessLog, *, is_output_recorded: bool, keeps_last_resort: bool) -> None:
        super().__init__()
        self._log = log
        self._is_output_recorded = is_output_recorded
        self._keeps_last_resort = keeps_last_resort
        self._pid = os.getpid()
        self.setFormatter(_FORMAT)

    def emit(self, record: logging.LogRecord) -> None:
        last_resort = logging.lastResort
        is_forked = os.getpid() != self._pid
        try:
            # A process that training has forked, to load data for example, cannot go on with this one's log.
            if not is_forked and not (_is_chatter(record) or (self._is_output_recorded and _is_written(record))):
                self._log.write("logging", self.format(record).splitlines() or [""], record.levelname)
        except Exception:  # the boundary that `logging` draws: what cannot be logged must not end what is logged
            self.handleError(record)
        keeps = self._keeps_last_resort or is_forked
        if keeps and last_resort is not None and record.levelno >= last_resort.level:
            last_resort.handle(record)


def _is_chatter(record: logging.LogRecord) -> bool:
    return record.levelno < logging.WARNING and record.name.partition(".")[0] in _OURS


def _is_written(record: logging.LogRecord) -> bool:
    """Whether a handler on the record's way writes it to this process's output."""
    logger: logging.Logger | None = logging.getLogger(record.name)
    while logger is not None:
        if any(_writes_output(each) and record.levelno >= each.level for each in logger.handlers):
            return True
        logger = logger.parent if logger.propagate else None
    return False


def _writes_output(handler: logging.Handler) -> bool:
    streams = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    stream = getattr(handler, "stream", None)
    return stream is not None and any(stream is each for each in streams)
