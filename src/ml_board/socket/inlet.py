"""The way of published events into the logs of this server's runs.

Owns the order of each publisher, the committing in groups, and how long a run's log is held: as long as a connection
that published to it is there. Knows no Socket.IO: what arrives is a job, which gets a promise of its outcome.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, MutableMapping, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeAlias

from ml_board.telemetry import Telemetry
from mlgym_core.errors import StoreError
from mlgym_core.events import codes
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.log import LogWriter
from mlgym_core.events.merge import Merger

_LOG = logging.getLogger(__name__)
_MERGE_EVERY_S = 0.2
_DAMAGE_STAYS_S = 10.0
"""For how long a damaged log is not read again to see whether it was mended."""

Outcome: TypeAlias = Any
"""What a job answers, or the StoreError for which nothing of it is in the log."""


class Job(Protocol):
    """What someone wants of a log; its methods are called in the thread that writes."""

    @property
    def num_events(self) -> int:
        """How many events it brings; known once they were appended."""
        ...

    def append(self, writer: LogWriter) -> None:
        """Appends its events. Raises StoreError where none was."""
        ...

    def answer(self, writer: LogWriter) -> Any:
        """What its sender is told once all is safe."""
        ...


class Inlet:
    """The one writer of one run's log, while somebody publishes.

    `committed` gets the number of the log's facts while it is written, and `tell` is called when it grew. All methods
    are for the event loop's thread; the disk is used in others. What others spooled beside the log is merged into it.
    """

    def __init__(
        self,
        folder: RunFolder,
        committed: MutableMapping[str, int],
        tell: Callable[[], None],
        telemetry: Telemetry,
        open_log: Callable[[RunFolder], LogWriter] = LogWriter,
    ) -> None:
        self._folder = folder
        self._committed = committed
        self._tell = tell
        self._telemetry = telemetry
        self._open_log = open_log
        self._writer: LogWriter | None = None
        self._merger: Merger | None = None
        self._jobs: list[tuple[Job, asyncio.Future[Outcome]]] = []
        self._publishers: set[str] = set()
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._merge_at = 0.0
        self._damage: tuple[float, StoreError] | None = None
        self._alarmed: dict[str, str] = {}

    def submit(self, connection: str, job: Job) -> asyncio.Future[Outcome]:
        """The outcome of a job; jobs are done in the order of these calls."""
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._publishers.add(connection)
        self._jobs.append((job, outcome))
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
        self._news.set()
        if self._task is None and (self._jobs or self._publishers):
            self._task = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while self._jobs or self._publishers:
            self._news.clear()
            taken, self._jobs = self._jobs, []
            before = self._committed.get(self._folder.run_id)
            outcomes = await asyncio.to_thread(self._take_turn_safely, [job for job, _ in taken])
            for (_, waiting), outcome in zip(taken, outcomes, strict=True):
                if not waiting.done():  # a server that shuts down cancels who waits
                    waiting.set_result(outcome)
            if self._committed.get(self._folder.run_id) != before:
                self._tell()
            if not self._jobs and self._publishers:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), _MERGE_EVERY_S)
        await asyncio.to_thread(self._give_up)
        self._task = None
        self._go_on()

    def _take_turn_safely(self, jobs: Sequence[Job]) -> list[Outcome]:
        try:
            return self._take_turn(jobs)
        except Exception as error:  # the end of a thread: without an answer all who publish to this run would wait
            _LOG.exception("a turn of the log of run %s failed", self._folder.run_id)
            self._give_up()
            why = f"the log of run {self._folder.run_id} could not be written: {error}"
            return [StoreError(why, code=codes.NOT_WRITABLE, hint="what was sent has to be sent again")] * len(jobs)

    def _take_turn(self, jobs: Sequence[Job]) -> list[Outcome]:
        try:
            outcomes = self._store(jobs) if jobs else []
            if self._writer and time.monotonic() >= self._merge_at:
                self._merge(self._writer)
        finally:
            self._note_committed()
        return outcomes

    def _store(self, jobs: Sequence[Job]) -> list[Outcome]:
        try:
            writer = self._open()
            refusals = [self._append(writer, job) for job in jobs]
            self._commit(writer, sum(job.num_events for job, why in zip(jobs, refusals, strict=True) if not why))
        except StoreError as error:
            self._note_failure(error)
            return [error] * len(jobs)
        return [why or job.answer(writer) for job, why in zip(jobs, refusals, strict=True)]

    def _append(self, writer: LogWriter, job: Job) -> StoreError | None:
        try:
            job.append(writer)
        except StoreError as error:
            if error.code == codes.CONFLICT:
                self._alarm("conflict", error)
            return error
        return None

    def _commit(self, writer: LogWriter, num_events: int) -> None:
        begin = time.perf_counter()
        lines = writer.commit()
        if lines:
            self._telemetry.sync_seconds.observe(time.perf_counter() - begin)
            self._count(lines)
        if num_events > len(lines):
            self._telemetry.duplicates.inc(num_events - len(lines))

    def _merge(self, writer: LogWriter) -> None:
        self._merge_at = time.monotonic() + _MERGE_EVERY_S
        if not self._folder.spools_path.exists():
            return
        self._merger = self._merger or Merger(writer, self._folder)
        try:
            self._count(self._merger.merge_once())
        except StoreError as error:
            self._note_failure(error)

    def _open(self) -> LogWriter:
        if self._writer is None:
            if self._damage and time.monotonic() < self._damage[0]:
                raise self._damage[1].with_traceback(None)  # or it would grow each time
            try:
                self._writer = self._open_log(self._folder)
            except StoreError as error:
                if error.code == codes.DAMAGED:
                    self._damage = time.monotonic() + _DAMAGE_STAYS_S, error
                raise
            self._note_committed()
        return self._writer

    def _count(self, lines: Sequence[bytes]) -> None:
        self._telemetry.events.inc(len(lines))
        self._telemetry.bytes.inc(sum(map(len, lines)) + len(lines))

    def _note_failure(self, error: StoreError) -> None:
        if error.code == codes.DAMAGED:
            self._alarm("damaged", error)
        elif error.code != codes.LOCKED:
            self._alarm("storage", error)
        if self._writer and not self._writer.is_open:
            self._give_up()  # the next writer recovers

    def _alarm(self, reason: str, error: StoreError) -> None:
        if self._alarmed.get(reason) != error.message:  # a client tries again and again
            self._alarmed[reason] = error.message
            self._telemetry.alarm(reason, self._folder.run_id, error.message)

    def _note_committed(self) -> None:
        if self._writer:
            self._committed[self._folder.run_id] = self._writer.num_events

    def _give_up(self) -> None:
        if self._writer:
            self._writer.close()
            self._writer = self._merger = None
            del self._committed[self._folder.run_id]
