"""Samples of the machine that a run is on, as events: processors, memory, GPUs, disk and network.

Owns what is measured, and when. It must not know what is trained; never does it hold up the end of a run.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import psutil

from mlgym_core.errors import StoreError
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.spool import Publisher
from mlgym_core.events.types import DiskUse, NetworkUse, SystemMetrics
from mlgym_core.execution.gpus import Gpus

_LOG = logging.getLogger(__name__)
_FIRST_AFTER_S = 0.1
"""What a processor did in less time is chance."""
_PATIENCE_S = 0.5
"""How long the end of a run waits for a sample under way, which a driver may hold up for ever."""
_UNKNOWN = (NotImplementedError, OSError)
"""What psutil raises where the system, or a container, hides a number."""


class SystemSampling:
    """While entered, a thread publishes a sample at once and then each `every_s` seconds; 0 publishes none."""

    def __init__(self, run: RunFolder, publisher: Publisher, every_s: float) -> None:
        self._run = run
        self._publisher = publisher
        self._every_s = every_s
        self._is_over = threading.Event()
        self._publishing = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="system metrics", daemon=True)

    def __enter__(self) -> Self:
        if self._every_s > 0:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_over.set()
        if self._every_s > 0:
            self._thread.join(_PATIENCE_S)
        with self._publishing:
            # A sample that comes later than this would follow on the run's last event.
            self._publisher = _Nobody()

    def _work(self) -> None:
        try:
            sampler = Sampler(self._run)
            self._is_over.wait(min(_FIRST_AFTER_S, self._every_s))
            self._publish(sampler.sample())
            while not self._is_over.wait(self._every_s):
                self._publish(sampler.sample())
        except StoreError as error:
            _LOG.warning("no more system metrics: %s", error)
        except Exception:  # the boundary of the thread: what cannot be measured must not end a run
            _LOG.warning("no more system metrics", exc_info=True)

    def _publish(self, sample: SystemMetrics) -> None:
        with self._publishing:
            self._publisher.publish(sample)


class _Nobody:
    """Takes what comes after the end."""

    def publish(self, payload: object) -> None:
        """Forgets it."""


class Sampler:
    """Measures this machine, and this process with all that it started; rates are since the sample before."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self._host = socket.gethostname()
        self._processors = _Processors()
        self._disk = _Rates(_disk_bytes)
        self._network = _Rates(_network_bytes)
        self._gpus = Gpus()

    def sample(self) -> SystemMetrics:
        """One sample, of now."""
        memory = psutil.virtual_memory()
        return SystemMetrics(
            grid_search_id=self._run.run_id,
            host=self._host,
            cpu_percent=self._processors.percent(),
            rss_bytes=_resident_bytes(),
            memory_used_bytes=memory.total - memory.available,
            memory_total_bytes=memory.total,
            gpus=self._gpus.sample(),
            disk=self._disk_use(),
            network=self._network_use(),
        )

    def _disk_use(self) -> DiskUse | None:
        rates = self._disk.per_second()
        try:
            usage = psutil.disk_usage(str(self._run.path))
        except _UNKNOWN:
            return None
        read, written = rates or (None, None)
        return DiskUse(
            used_bytes=usage.used, total_bytes=usage.total, read_bytes_per_s=read, written_bytes_per_s=written
        )

    def _network_use(self) -> NetworkUse | None:
        rates = self._network.per_second()
        return NetworkUse(sent_bytes_per_s=rates[0], received_bytes_per_s=rates[1]) if rates else None


class _Processors:
    """How busy all processors together were since the last call, in percent."""

    def __init__(self) -> None:
        self._before = _processor_seconds()

    def percent(self) -> float:
        before, now = self._before, _processor_seconds()
        self._before = now
        total = now.total - before.total
        idle = max(0.0, now.idle - before.idle)
        return round(100 * max(0.0, total - idle) / total, 1) if total > 0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _ProcessorSeconds:
    total: float
    idle: float


def _processor_seconds() -> _ProcessorSeconds:
    times: dict[str, float] = psutil.cpu_times()._asdict()
    # What a guest uses is counted as its host's too.
    total = sum(seconds for name, seconds in times.items() if not name.startswith("guest"))
    return _ProcessorSeconds(total=total, idle=times["idle"] + times.get("iowait", 0.0))


class _Rates:
    """How fast two counters grew since the last call; None where they cannot be read."""

    def __init__(self, read: Callable[[], tuple[int, int] | None]) -> None:
        self._read = read
        self._before = read()
        self._read_at = time.monotonic()

    def per_second(self) -> tuple[float, float] | None:
        before, before_at = self._before, self._read_at
        now, now_at = self._read(), time.monotonic()
        self._before, self._read_at = now, now_at
        seconds = now_at - before_at
        if before is None or now is None or seconds <= 0:
            return None
        # Counters begin anew where a device is taken out.
        first, second = (max(0.0, (new - old) / seconds) for new, old in zip(now, before, strict=True))
        return first, second


def _disk_bytes() -> tuple[int, int] | None:
    counters = _read_counters(psutil.disk_io_counters)
    return (counters.read_bytes, counters.write_bytes) if counters else None


def _network_bytes() -> tuple[int, int] | None:
    counters = _read_counters(psutil.net_io_counters)
    return (counters.bytes_sent, counters.bytes_recv) if counters else None


def _read_counters(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except _UNKNOWN:
        return None


def _resident_bytes() -> int:
    """The memory of this process and of all below it; pages that they share count for each of them."""
    own = psutil.Process()
    try:
        below = own.children(recursive=True)
    except (psutil.Error, OSError):
        below = []
    return sum(map(_resident_bytes_of, (own, *below)))


def _resident_bytes_of(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except (psutil.Error, OSError):
        # It ended meanwhile, or belongs to another user.
        return 0
