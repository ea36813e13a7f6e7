"""What one connection publishes: events of version 1, or batches of the producer that it said hello for.

Owns which runs a connection holds, and the place at which its next batch begins. Knows no Socket.IO.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from ml_board.checkpoints import OLD_EVENT, read_old_checkpoint, store_old_checkpoint
from ml_board.socket.batches import MAX_BATCH_BYTES
from ml_board.socket.inlet import Inlet, Job, Outcome
from ml_board.socket.jobs import Batch, Greeting, SingleEvent, greeting, refusal
from ml_board.socket.rooms import PUBLISHER_ROOMS, Rooms
from mlgym_core.errors import StoreError
from mlgym_core.events import codes
from mlgym_core.events.codec import NO_LINE_BEFORE, encode_foreign
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.log import SliceError
from mlgym_core.events.names import check_name

MAX_HELD_RUNS = 64
MAX_PRODUCERS = 10_000
_JOB_COSTS_BYTES = 2_000
"""What a job takes in memory beside its lines while it waits."""


@dataclass(slots=True, kw_only=True)
class _Binding:
    run: RunFolder
    producer: str
    next_seq: int
    is_busy: bool = False


class Publishing:
    """The publishing side of one connection."""

    def __init__(self, connection: str, rooms: Rooms) -> None:
        self._connection = connection
        self._rooms = rooms
        self._inlets: OrderedDict[str, Inlet] = OrderedDict()
        self._binding: _Binding | None = None
        self._storing = asyncio.Lock()  # one checkpoint after another, in the order in which they came
        self._has_ended = False

    def end(self) -> None:
        """Gives up the logs that nobody else publishes to, once what came is stored."""
        self._has_ended = True
        while self._inlets:
            self._let_go()

    async def store(self, event: object) -> dict[str, Any]:
        """Stores an event in the log of its run, acknowledged once it is safe there. Raises StoreError.

        A checkpoint, which MLgym's publisher sends as an event too, is stored as files.
        """
        if isinstance(event, dict) and event.get("event_type") == OLD_EVENT:
            return await self._store_checkpoint(event.get("payload"))
        run_id, line = encode_foreign(event)
        run = self._run(run_id)
        producer, seq = _stamp(event) or (f"v1-{self._connection}", None)
        # Nothing was awaited so far: handlers begin in the order of their events, and so events are stored in it.
        outcome = await self._submit(run, SingleEvent(line=line, producer=producer, seq=seq), len(line))
        if isinstance(outcome, StoreError):
            raise outcome
        return {"event_id": outcome}

    async def hello(self, data: object) -> dict[str, Any]:
        """How far the log is with a producer, whose next events the connection's batches hold from now on.

        Raises:
            StoreError: the greeting makes no sense, or the log cannot be written.
        """
        self._binding = None
        run, producer, others = self._read_hello(data)
        if await asyncio.to_thread(run.log_path.exists):
            size_bytes = sum(map(len, others))
            outcome = await self._submit(run, Greeting(producer=producer, others=others), size_bytes)
            if isinstance(outcome, StoreError):
                raise outcome
        else:  # whoever only asks makes no run
            outcome = greeting(0, NO_LINE_BEFORE, dict.fromkeys(others, 0))
        self._binding = _Binding(run=run, producer=producer, next_seq=outcome["last_seq"] + 1)
        return dict(outcome)

    async def batch(self, data: object) -> dict[str, Any]:
        """What became of lines: acknowledged once they are safe in the log, or none of them taken.

        Raises:
            StoreError: it is no batch, or not its time.
        """
        binding, lines = self._check_batch(data)
        job = Batch(data=lines, run_id=binding.run.run_id, producer=binding.producer, next_seq=binding.next_seq)
        binding.is_busy = True
        try:
            outcome = await self._submit(binding.run, job, len(lines))
        finally:
            binding.is_busy = False
        further: dict[str, Any] = {}
        if isinstance(outcome, SliceError):
            further = {"producer": outcome.producer, "last_seq": job.last_seqs[outcome.producer]}
        elif isinstance(outcome, StoreError):
            job.last_seqs.clear()  # nothing of the whole commit counts
        binding.next_seq = job.last_seqs.get(binding.producer, binding.next_seq - 1) + 1
        if isinstance(outcome, StoreError):
            self._rooms.telemetry.refusals.labels(outcome.code).inc()
            return refusal(outcome, **further)
        return dict(outcome)

    async def _store_checkpoint(self, payload: object) -> dict[str, Any]:
        if not isinstance(payload, dict):
            raise _malformed("an event checkpoint has no payload that is an object", "send it as MLgym 0.0.75 does")
        run = self._run(check_name(payload.get("grid_search_id"), "run id"))
        checkpoint = read_old_checkpoint(payload)
        with self._rooms.waiting(checkpoint.size_bytes):
            async with self._storing:
                await asyncio.to_thread(store_old_checkpoint, self._rooms.views, run, checkpoint)
        return {}

    def _read_hello(self, data: object) -> tuple[RunFolder, str, list[str]]:
        if not isinstance(data, dict) or data.get("v") != 2:
            raise _malformed("hello takes {v: 2, producer, grid_search_id}", "this server speaks versions 1 and 2")
        run = self._run(check_name(data.get("grid_search_id"), "run id"))
        others = data.get("producers", [])
        if not isinstance(others, list) or len(others) > MAX_PRODUCERS:
            raise _malformed("`producers` is no list of names", f"at most {MAX_PRODUCERS:,}")
        return run, check_name(data.get("producer"), "producer"), [check_name(each, "producer") for each in others]

    def _check_batch(self, data: object) -> tuple[_Binding, bytes]:
        binding = self._binding
        if binding is None:
            raise _malformed("a batch came before the answer to hello", "say hello first")
        if not isinstance(data, bytes):
            raise _malformed("batch takes one binary argument", "send lines, joined by newlines")
        if binding.is_busy:
            raise _malformed("a batch came before the answer to the one before", "send one at a time")
        if len(data) > MAX_BATCH_BYTES:
            raise StoreError(
                f"a batch of {len(data):,} bytes; {MAX_BATCH_BYTES:,} are allowed",
                code=codes.TOO_LARGE,
                hint="send smaller batches",
            )
        return binding, data

    def _run(self, run_id: str) -> RunFolder:
        if run_id in PUBLISHER_ROOMS:
            raise _malformed(f"{run_id} is the room of publishers and no run", "name the run")
        return self._rooms.views.storage.run(run_id)

    async def _submit(self, run: RunFolder, job: Job, size_bytes: int) -> Outcome:
        inlet = self._rooms.inlet(run)
        outcome = inlet.submit(self._connection, job)
        if self._has_ended:  # its last words
            inlet.leave(self._connection)
        else:
            self._hold(run.run_id, inlet)
        with self._rooms.waiting(size_bytes + _JOB_COSTS_BYTES):
            return await outcome

    def _hold(self, run_id: str, inlet: Inlet) -> None:
        if not self._inlets:
            self._rooms.telemetry.publishers.inc()
        self._inlets[run_id] = inlet
        self._inlets.move_to_end(run_id)
        if len(self._inlets) > MAX_HELD_RUNS:
            self._let_go()

    def _let_go(self) -> None:
        _, inlet = self._inlets.popitem(last=False)
        inlet.leave(self._connection)
        if not self._inlets:
            self._rooms.telemetry.publishers.dec()


def _stamp(event: object) -> tuple[str, int] | None:
    """The producer and number that a sender left on an event, so that one sent twice is known."""
    stamp = event.get("x") if isinstance(event, dict) else None
    if not isinstance(stamp, dict):
        return None
    producer, seq = stamp.get("producer"), stamp.get("seq")
    if not isinstance(producer, str) or not isinstance(seq, int) or seq < 1 or producer.startswith("v1-"):
        return None
    return producer, seq


def _malformed(message: str, hint: str) -> StoreError:
    return StoreError(message, code=codes.NOT_AN_EVENT, hint=hint)
