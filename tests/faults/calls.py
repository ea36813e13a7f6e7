"""Lets the k-th write or sync of a log, or write of a spool, fail: short, with EIO, ENOSPC, EINTR or EDQUOT.

What was acknowledged must be there, nothing twice, whatever fails and however often; what publish() refused must not
come back later.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
from collections.abc import Callable, Iterator
from unittest import mock

from client import result
from ledger import audit, read_ledger
from rig import Trial, run_script
from wire import event_line

from mlgym_core.errors import StoreError
from mlgym_core.events.folder import EventStorage, RunFolder
from mlgym_core.events.log import LogWriter
from mlgym_core.events.merge import Merger
from mlgym_core.events.spool import Spool

WAYS = ("short", "EIO", "ENOSPC", "EINTR", "EDQUOT")
CALLS = ("write", "fsync", "fdatasync")


class FailingCalls:
    """The operating system, of whose calls each one fails with some probability in one of the `WAYS`."""

    def __init__(self, rng: random.Random, share: float) -> None:
        self.num_failed = 0
        self.num_short = 0
        self._rng = rng
        self._share = share

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        """Fails in this block alone."""
        with contextlib.ExitStack() as stack:
            for name in CALLS:
                if hasattr(os, name):
                    stack.enter_context(mock.patch.object(os, name, self._failing(name, getattr(os, name))))
            yield

    def _failing(self, name: str, call: Callable[..., int | None]) -> Callable[..., int | None]:
        def fail_or_call(fd: int, *data: bytes) -> int | None:
            if self._rng.random() >= self._share:
                return call(fd, *data)
            way = self._rng.choice(WAYS)
            if way == "short" and name == "write":
                self.num_short += 1
                return call(fd, memoryview(data[0])[: self._rng.randint(0, len(data[0]) - 1)])
            if name == "write" and self._rng.random() < 0.5:  # as an error that is told late, a part got there
                call(fd, memoryview(data[0])[: self._rng.randint(1, len(data[0]) - 1)])
            self.num_failed += 1
            data = ()  # nothing that was asked for may be held by the error, as the real call holds nothing
            number = getattr(errno, way, errno.EIO)
            raise OSError(number, os.strerror(number))

        return fail_or_call


def play(trial: Trial) -> None:
    """The log, then a spool and what carries it."""
    storage = EventStorage(trial.folder)
    for number in range(trial.sized(4, 40)):
        fail_in_log(trial, storage.run(f"log-{number}"))
        fail_in_spool(trial, storage.run(f"spool-{number}"))


def fail_in_log(trial: Trial, run: RunFolder) -> None:
    """A writer that is opened anew where it has stopped; what it committed has to be in the file from then on."""
    failing = FailingCalls(trial.rng, share=0.3)
    writer = open_writer(run)
    acknowledged = 0
    while acknowledged < 400:
        last = writer.last_seq("p")
        trial.report.fault("acknowledged and lost", max(0, acknowledged - last))
        size = trial.rng.randint(1, 20)
        try:
            with failing():
                writer.append("p", last + 1, [event_line(run.run_id, last + 1 + each) for each in range(size)])
                writer.commit()
            acknowledged = last + size
        except StoreError as error:
            trial.report.count("commits refused")
            if error.code == "MG408" or trial.rng.random() < 0.2:  # it has stopped, or it is killed
                writer.close()
                writer = open_writer(run)
        ledger = read_ledger(run.log_path)
        trial.report.fault("acknowledged and lost", ledger.num_lost({"p": acknowledged}))
    writer.close()
    trial.report.count("events acknowledged by a log", acknowledged)
    trial.report.count("calls that failed", failing.num_failed)
    trial.report.count("calls that were short", failing.num_short)
    audit(run.log_path, {"p": acknowledged}, trial.report)


def open_writer(run: RunFolder) -> LogWriter:
    """A writer that syncs by the call that can fail: the module took its own when it was imported."""
    return LogWriter(run, sync=lambda fd: os.fsync(fd))


def fail_in_spool(trial: Trial, run: RunFolder) -> None:
    """publish() that fails says so; what it returned for has to come into the log, and nothing else."""
    failing = FailingCalls(trial.rng, share=0.3)
    spool = Spool(run)
    writer, published, refused = open_writer(run), 0, 0
    for number in range(400):
        try:
            with failing():
                spool.publish(result(run.run_id, published + 1))
            published += 1
        except StoreError:
            refused += 1
        if number % 20 == 0:
            Merger(writer, run).merge_once()
    spool.close()
    Merger(writer, run).merge_rest()
    writer.close()
    trial.report.count("events published into a spool", published)
    trial.report.count("events that publish() refused", refused)
    trial.report.count("calls that failed", failing.num_failed)
    trial.report.count("calls that were short", failing.num_short)
    ledger = audit(run.log_path, {spool.producer: published}, trial.report)
    trial.report.fault("refused and stored", max(0, ledger.num_lines - published))


if __name__ == "__main__":
    run_script(play)
