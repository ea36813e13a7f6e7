"""A publisher that remembers, and what a log of that would tell."""

from __future__ import annotations

from typing import Any

from mlgym_core.events.codec import encode_event
from mlgym_core.events.projections.positions import Known, gather_known
from mlgym_core.events.types import Payload

RUN_ID = "2026-01-02--03-04-05"
EXPERIMENT_ID = 3


class Memory:
    """A publisher that keeps what it is told."""

    def __init__(self) -> None:
        self.payloads: list[Payload] = []

    def publish(self, payload: Payload) -> None:
        self.payloads.append(payload)

    def of(self, kind: type[Payload]) -> list[Any]:
        return [payload for payload in self.payloads if isinstance(payload, kind)]


def known_of(told: Memory) -> Known:
    """What a log of what was published tells a repeated attempt."""
    known: dict[int, Known] = {}
    gather_known((encode_event(each) for each in told.payloads), known)
    return known.get(EXPERIMENT_ID, Known())
