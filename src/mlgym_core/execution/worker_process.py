"""One worker as the runner sees it: its process, the pipe to it, what it writes, and the experiment it has in hand.

Knows nothing of what a worker does with an order.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Literal, TypeAlias

from mlgym_core.execution import forkserver
from mlgym_core.execution.job import Order, Report, StopOrder
from mlgym_core.execution.process_logs import MAX_LINE_BYTES, ProcessLog
from mlgym_core.execution.registrations import Registrations

Stream: TypeAlias = Literal["stdout", "stderr"]
_READ_BYTES = 2**16
_READS_AT_ONCE = 16


class WorkerProcess:
    """Started when made; from then on it prepares itself and waits for orders."""

    def __init__(self, registrations: Registrations) -> None:
        self.control, worker_end = multiprocessing.Pipe()
        self.stdout, stdout_end = multiprocessing.Pipe(duplex=False)
        self.stderr, stderr_end = multiprocessing.Pipe(duplex=False)
        self._process = forkserver.start_process(
            "mlgym_core.execution.worker:work", worker_end, stdout_end, stderr_end, registrations
        )
        for each in (worker_end, stdout_end, stderr_end):
            each.close()
        self._lines: dict[Stream, LineSplitter] = {"stdout": LineSplitter(), "stderr": LineSplitter()}
        self._last_lines: deque[str] = deque(maxlen=100)
        self.order: Order | None = None
        self._log: ProcessLog | None = None
        self.ordered_at = -1.0

    @property
    def sentinel(self) -> int:
        """Ready once the process is gone."""
        return self._process.sentinel

    @property
    def is_dead(self) -> bool:
        """Whether the process is gone."""
        return bool(wait([self.sentinel], timeout=0))

    @property
    def waitables(self) -> list[Connection | int]:
        """All that may become ready because the worker did something."""
        return [self.control, self.sentinel, *(each for each in (self.stdout, self.stderr) if not each.closed)]

    @property
    def last_words(self) -> str | None:
        """The end of what it wrote on standard error during its experiment; there a crash says where it was."""
        return "\n".join(self._last_lines) or None

    def give(self, order: Order, log: ProcessLog) -> None:
        """Hands it an experiment, and a log for what it writes meanwhile; what it wrote before that is forgotten.

        A worker that is dead already takes none: its sentinel is ready.
        """
        # What modules print when they are imported was shown once already, while the configuration was checked.
        self.read_output()
        self.order, self.ordered_at, self._log = order, time.time(), log
        self._last_lines.clear()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.control.send(order)

    def end_order(self) -> None:
        """Says that the experiment has ended, however it did."""
        if self._log is not None:
            self._log.close()
        self.order = self._log = None

    def ask_to_stop(self, order: StopOrder) -> None:
        """Asks it to end its experiment after the running epoch."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.control.send(order)

    def take_report(self) -> Report | None:
        """What it reported, if it did."""
        try:
            report: Report | None = self.control.recv() if self.control.poll() else None
        except (EOFError, ConnectionResetError):
            return None
        return report

    def read_output(self) -> None:
        """Writes the whole lines that it wrote on each stream since the last call into the experiment's log."""
        streams: list[tuple[Stream, Connection]] = [("stdout", self.stdout), ("stderr", self.stderr)]
        for stream, pipe in streams:
            found = list(self._read_lines(stream, pipe))
            if stream == "stderr":
                self._last_lines.extend(found)
            if found and self._log is not None:
                self._log.write(stream, found)

    def _read_lines(self, stream: Stream, pipe: Connection) -> Iterator[str]:
        # Bounded, so that a worker which never stops writing does not keep the runner from the others.
        for _ in range(_READS_AT_ONCE):
            if pipe.closed or not wait([pipe], timeout=0):
                return
            if data := os.read(pipe.fileno(), _READ_BYTES):
                yield from self._lines[stream].feed(data)
            else:
                pipe.close()
                yield from self._lines[stream].rest()

    def kill(self) -> int | None:
        """Ends the worker with all processes that it started, at once, and returns its exit code."""
        if self._process.pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.join()
        return self._process.exitcode

    def close(self) -> None:
        """Gives back the pipes; what was not read is lost."""
        for each in (self.control, self.stdout, self.stderr):
            each.close()


class LineSplitter:
    """Cuts what a stream carries into lines; of a line that a progress bar overwrites, what was written last counts.

    A line that is too long for an event becomes several.
    """

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """The lines that `data` completes."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            lines.append(self._rest)
            self._rest = b""
        return [_text(part) for line in lines for part in _parts(line)]

    def rest(self) -> list[str]:
        """The last line, where it was not completed."""
        rest, self._rest = self._rest, b""
        return [_text(part) for part in _parts(rest)] if rest else []


def _parts(line: bytes) -> Sequence[bytes]:
    """`line` in parts that an event can hold; where a progress bar overwrote it, its last state."""
    if len(line) <= MAX_LINE_BYTES:
        return (line,)
    last = line.rstrip(b"\r").rpartition(b"\r")[2]
    return [last[start : start + MAX_LINE_BYTES] for start in range(0, len(last), MAX_LINE_BYTES)] or (b"",)


def _text(line: bytes) -> str:
    return line.rstrip(b"\r").rpartition(b"\r")[2].decode(errors="replace")
