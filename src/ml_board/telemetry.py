"""What a service counts of itself, for `/metrics`. Knows neither events nor routes."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Telemetry:
    """The counters of one service, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.events = Counter("mlgym_events", "Events stored", registry=self.registry)
        self.bytes = Counter("mlgym_event_bytes", "Bytes of the events stored", registry=self.registry)
        self.duplicates = Counter("mlgym_duplicates", "Events that came again and were there", registry=self.registry)
        self.refusals = Counter("mlgym_refusals", "Batches and events refused", ["reason"], registry=self.registry)
        self.alarms = Counter("mlgym_alarms", "Conflicts and damage found", ["reason"], registry=self.registry)
        self.publishers = Gauge("mlgym_publishers", "Connections that publish", registry=self.registry)
        self.subscribers = Gauge("mlgym_subscribers", "Rooms joined and runs watched", registry=self.registry)
        self.lag = Gauge("mlgym_lag_events", "How far the slowest subscriber is behind its log", registry=self.registry)
        self.sync_seconds = Histogram("mlgym_sync_seconds", "Writing and syncing one commit", registry=self.registry)
