"""The way of published events into the logs of this server's runs.

Owns the order of each publisher, the committing in groups, and how long a run's log is held: as long as a connection
that published to it is there. Knows no Socket.IO: an arrival is a line, and a promise of where it came to stand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from mlgym_core.errors import StoreError
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.log import LogWriter

Outcome: TypeAlias = int | StoreError | None
"""Where an event came to stand, why it did not, or None for one that the log had already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One event on its way; `seq` is None where the log is to count."""

    line: bytes
    producer: str
    seq: int | None
    outcome: asyncio.Future[Outcome]


class Inlet:
    """The one writer of one run's log, while somebody publishes.

    `committed` gets the number of the log's facts while it is written, and `tell` is called when it grew. All methods
    are for the event loop's thread; the disk is used in others.
    """

    def __init__(self, folder: RunFolder, committed: MutableMapping[str, int], tell: Callable[[], None]) -> None:
        self._folder = folder
        self._committed = committed
        self._tell = tell
        self._writer: LogWriter | None = None
        self._arrivals: list[Arrival] = []
        self._publishers: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    def submit(self, connection: str, line: bytes, stamp: tuple[str, int] | None) -> asyncio.Future[Outcome]:
        """The outcome of storing `line`; lines are stored in the order of these calls.

        `stamp` is the producer and the number that the event has there; None where its sender does not count.
        """
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        producer, seq = stamp or (f"v1-{connection}", None)
        self._publishers.add(connection)
        self._arrivals.append(Arrival(line=line, producer=producer, seq=seq, outcome=outcome))
        self._go_on()
        return outcome

    def leave(self, connection: str) -> None:
        """Gives the log up, once nobody publishes any more and what came is stored."""
        self._publishers.discard(connection)
        self._go_on()

    async def close(self) -> None:
        """Stores what came and gives the log up."""
        self._publishers.clear()
        self._go_on()
        while self._task:
            await self._task

    def _go_on(self) -> None:
        if self._task is None and (self._arrivals or (self._writer and not self._publishers)):
            self._task = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while self._arrivals:
            arrivals, self._arrivals = self._arrivals, []
            outcomes = await asyncio.to_thread(self._store, arrivals)
            self._answer(arrivals, outcomes)
            self._tell()
        if not self._publishers:
            self._give_up()
        self._task = None
        self._go_on()

    @staticmethod
    def _answer(arrivals: Sequence[Arrival], outcomes: Sequence[Outcome]) -> None:
        for arrival, outcome in zip(arrivals, outcomes, strict=True):
            if not arrival.outcome.done():  # a server that shuts down cancels who waits
                arrival.outcome.set_result(outcome)

    def _store(self, arrivals: Sequence[Arrival]) -> list[Outcome]:
        try:
            writer = self._writer = self._writer or LogWriter(self._folder)
            self._committed[self._folder.run_id] = writer.num_events
            outcomes = [self._append(writer, arrival) for arrival in arrivals]
            writer.commit()
            self._committed[self._folder.run_id] = writer.num_events
        except StoreError as error:
            self._give_up()  # the next writer recovers
            return [error] * len(arrivals)
        return outcomes

    def _give_up(self) -> None:
        if self._writer:
            self._writer.close()
            self._writer = None
            del self._committed[self._folder.run_id]

    @staticmethod
    def _append(writer: LogWriter, arrival: Arrival) -> Outcome:
        last = writer.last_seq(arrival.producer)
        seq = last + 1 if arrival.seq is None else arrival.seq
        try:
            next_id = writer.append(arrival.producer, seq, [arrival.line])
        except StoreError as error:
            return error
        return next_id - 1 if seq > last else None
