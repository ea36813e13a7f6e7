"""Why a process ended, in words: its exit status and what the kernel counted meanwhile.

Knows nothing of what the process did.
"""

from __future__ import annotations

import signal
from pathlib import Path

_VMSTAT = Path("/proc/vmstat")
_CGROUP = Path("/sys/fs/cgroup")


class Deaths:
    """Explains exit codes; counts from its making how often the system ran out of memory, where it tells."""

    def __init__(self, counters: tuple[Path, ...] | None = None) -> None:
        self._counters = _counters() if counters is None else counters
        self._before = self._num_oom_kills()

    def describe(self, exitcode: int | None) -> str:
        """For example `was killed by signal 11 (SIGSEGV)`; the reason stands after the process's name."""
        if exitcode is None:
            return "has not ended"
        if exitcode >= 0:
            return f"ended with exit status {exitcode}"
        if exitcode == -signal.SIGKILL and self._num_oom_kills() > self._before:
            return "was killed by SIGKILL; the system was out of memory"
        return f"was killed by signal {-exitcode} ({_signal_name(-exitcode)})"

    def _num_oom_kills(self) -> int:
        return sum(_read_counter(path) for path in self._counters)


def _counters() -> tuple[Path, ...]:
    """The kernel's counters of kills for lack of memory: of the whole system and of this process's own group."""
    counters = [_VMSTAT]
    try:
        group = Path("/proc/self/cgroup").read_text().rpartition("::")[2].strip()
    except OSError:
        group = ""
    counters.append(_CGROUP / group.lstrip("/") / "memory.events")
    return tuple(counters)


def _read_counter(path: Path) -> int:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0
    return sum(int(value) for name, value in (line.split() for line in lines) if name == "oom_kill")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
