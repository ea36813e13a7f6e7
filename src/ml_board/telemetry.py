"""What a service counts of itself, for `/metrics`, and what went wrong in it, for `/healthz`. Knows no route."""

from __future__ import annotations

import logging
import time
from collections import deque
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

_LOG = logging.getLogger(__name__)
MAX_ALARMS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something that an operator has to see: which kind, of which run, and when, in seconds since the epoch."""

    reason: str
    run_id: str
    message: str
    at: float


class Telemetry:
    """The counters of one service, in a registry of their own, and its latest alarms. Any thread may use it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.events = Counter("mlgym_events", "Events stored", registry=self.registry)
        self.bytes = Counter("mlgym_event_bytes", "Bytes of the events stored", registry=self.registry)
        self.duplicates = Counter("mlgym_duplicates", "Events that came again and were there", registry=self.registry)
        self.refusals = Counter("mlgym_refusals", "What was refused", ["reason"], registry=self.registry)
        self.alarms = Counter("mlgym_alarms", "Conflicts and damage found", ["reason"], registry=self.registry)
        self.publishers = Gauge("mlgym_publishers", "Connections that publish", registry=self.registry)
        self.subscribers = Gauge("mlgym_subscribers", "Rooms joined and runs watched", registry=self.registry)
        self.lag = Gauge("mlgym_lag_events", "How far the slowest subscriber is behind its log", registry=self.registry)
        self.sync_seconds = Histogram("mlgym_sync_seconds", "Writing and syncing one commit", registry=self.registry)
        self._latest: deque[Alarm] = deque(maxlen=MAX_ALARMS)

    def alarm(self, reason: str, run_id: str, message: str) -> None:
        """Counts and keeps an alarm, and tells it in the diagnostics."""
        _LOG.error("alarm: %s in run %s: %s", reason, run_id, message)
        self.alarms.labels(reason).inc()
        self._latest.append(Alarm(reason=reason, run_id=run_id, message=message, at=time.time()))

    def latest_alarms(self) -> list[Alarm]:
        """The newest alarms since the service began, oldest first."""
        return list(self._latest)
