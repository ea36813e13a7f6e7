"""Lets the k-th write or sync of a log, or write of a spool, fail: short, with EIO, ENOSPC, EINTR or EDQUOT.

What was acknowledged must be there, nothing twice, whatever fails and however often; what publish() refused must not
come back later.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
from collections.abc import Iterator

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
SHARE = 0.3


class FailingCalls:
    """The operating system's write and sync, of which some fail in one of the `WAYS` while they are `failing`."""

    def __init__(self, rng: random.Random) -> None:
        self.num_failed = 0
        self.num_short = 0
        self._rng = rng
        self._is_on = False

    @contextlib.contextmanager
    def failing(self) -> Iterator[None]:
        """Fails in this block alone."""
        self._is_on = True
        try:
            yield
        finally:
            self._is_on = False

    def write(self, fd: int, data: bytes | bytearray | memoryview) -> int:
        """As `os.write`; as with an error that is told late, a part of `data` may get there all the same."""
        if not self._is_on or self._rng.random() >= SHARE:
            return os.write(fd, data)
        way = self._rng.choice(WAYS)
        if way == "short":
            self.num_short += 1
            return os.write(fd, bytes(data[: self._rng.randint(1, len(data))]))
        if self._rng.random() < 0.5:
            os.write(fd, bytes(data[: self._rng.randrange(len(data))]))
        raise self._error(way)

    def sync(self, fd: int) -> None:
        """As `os.fsync`."""
        if self._is_on and self._rng.random() < SHARE:
            raise self._error(self._rng.choice(WAYS))
        os.fsync(fd)

    def _error(self, way: str) -> OSError:
        self.num_failed += 1
        number = getattr(errno, way, errno.EIO)
        return OSError(number, os.strerror(number))


def play(trial: Trial) -> None:
    """The log, then a spool and what carries it."""
    storage = EventStorage(trial.folder)
    for number in range(trial.sized(4, 40)):
        fail_in_log(trial, storage.run(f"log-{number}"))
        fail_in_spool(trial, storage.run(f"spool-{number}"))


def fail_in_log(trial: Trial, run: RunFolder) -> None:
    """A writer that is opened anew where it has stopped; what it committed has to be in the file from then on."""
    calls = FailingCalls(trial.rng)
    writer = LogWriter(run, sync=calls.sync, write=calls.write)
    acknowledged = 0
    while acknowledged < 400:
        last = writer.last_seq("p")
        trial.report.fault("acknowledged and lost", max(0, acknowledged - last))
        size = trial.rng.randint(1, 20)
        try:
            with calls.failing():
                writer.append("p", last + 1, [event_line(run.run_id, last + 1 + each) for each in range(size)])
                writer.commit()
            acknowledged = last + size
        except StoreError as error:
            trial.report.count("commits refused")
            if error.code == "MG408" or trial.rng.random() < 0.2:  # it has stopped, or it is killed
                writer.close()
                writer = LogWriter(run, sync=calls.sync, write=calls.write)
        ledger = read_ledger(run.log_path)
        trial.report.fault("acknowledged and lost", ledger.num_lost({"p": acknowledged}))
    writer.close()
    trial.report.count("events acknowledged by a log", acknowledged)
    trial.report.count("calls that failed", calls.num_failed)
    trial.report.count("calls that were short", calls.num_short)
    audit(run.log_path, {"p": acknowledged}, trial.report)


def fail_in_spool(trial: Trial, run: RunFolder) -> None:
    """publish() that fails says so; what it returned for has to come into the log, and nothing else."""
    calls = FailingCalls(trial.rng)
    spool = Spool(run, write=calls.write)
    writer = LogWriter(run, sync=calls.sync, write=calls.write)
    published = refused = 0
    for number in range(400):
        try:
            with calls.failing():
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
    trial.report.count("calls that failed", calls.num_failed)
    trial.report.count("calls that were short", calls.num_short)
    ledger = audit(run.log_path, {spool.producer: published}, trial.report)
    trial.report.fault("refused and stored", max(0, ledger.num_lines - published))


if __name__ == "__main__":
    run_script(play)
