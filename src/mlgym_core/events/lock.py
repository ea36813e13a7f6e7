"""Who writes a run's log: the lock on `writer.lock`, and what it tells about the life of the run.

Owns the locks of files. A lock ends with its process, however that ends. It must not know what is written.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Literal, TypeAlias

from mlgym_core.errors import StoreError
from mlgym_core.events.codes import LOCKED, NOT_WRITABLE
from mlgym_core.events.files import writing
from mlgym_core.events.folder import RunFolder

Liveness: TypeAlias = Literal["alive", "lost", "unknown"]

PATIENCE_S = 0.5
_PAUSE_S = 0.005


class WriterLock:
    """The right to write a run's log; one process has it at a time, and it is waited for `patience_s`.

    Raises:
        StoreError: another process has it, or the folder cannot be written.
    """

    def __init__(self, run: RunFolder, patience_s: float = PATIENCE_S) -> None:
        with writing(run.path):
            run.path.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(run.lock_path, os.O_RDWR | os.O_CREAT, 0o644)
        if not lock_exclusively(self._fd, run.lock_path, patience_s):
            holder = os.pread(self._fd, 256, 0).decode(errors="replace").strip()
            os.close(self._fd)
            raise StoreError(
                f"run {run.run_id} is being written by another process ({holder})",
                code=LOCKED,
                hint="a log has one writer: wait until that process has ended, or stop it",
            )
        holder_line = f"pid {os.getpid()} on {os.uname().nodename}\n".encode()
        try:
            with writing(run.lock_path):
                # In this order, so that a full disk has room for it where another's stood.
                os.pwrite(self._fd, holder_line, 0)
                os.ftruncate(self._fd, len(holder_line))
        except StoreError:
            self.release()
            raise

    def release(self) -> None:
        """Gives the lock up; its file stays and says who had it last."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def liveness(run: RunFolder) -> Liveness:
    """Whether somebody writes the run's log: `unknown` where that was never so, was on another host, or is hidden."""
    try:
        fd = os.open(run.lock_path, os.O_RDONLY)
    except OSError:
        return "unknown"
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return "alive"
    except OSError:
        # Some network file systems have no locks.
        return "unknown"
    else:
        holder = os.pread(fd, 256, 0).decode(errors="replace")
        return "lost" if holder.strip().endswith(f" on {os.uname().nodename}") else "unknown"
    finally:
        os.close(fd)


def lock_exclusively(fd: int, path: Path, patience_s: float = 0.0) -> bool:
    """Whether the lock on `fd`, the open file `path`, was had within `patience_s`.

    Who tests for life, or for a producer's end, holds a lock for a moment, so that one try would say too little.

    Raises:
        StoreError: the file system has no locks; `fd` is closed then.
    """
    num_pauses = round(patience_s / _PAUSE_S)  # no deadline: where the machine stood still, so did who holds it
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if num_pauses == 0:
                return False
            num_pauses -= 1
            time.sleep(_PAUSE_S)
        except OSError as error:
            os.close(fd)
            raise StoreError(
                f"cannot lock {path}: {error.strerror}",
                code=NOT_WRITABLE,
                hint="keep the event storage on a file system that has locks",
            ) from error
        else:
            return True


def same_file(fd: int, path: Path) -> bool:
    """Whether `path` still names the open file `fd`."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    here = os.fstat(fd)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)
