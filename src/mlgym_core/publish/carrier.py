"""Carries a staged run to servers.

Owns the staged log of a run whose storage is elsewhere: merges its spools, has it shipped, and removes it once all has
arrived. Knows nothing of training.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

from mlgym_core.events.checkpoint_files import folder_of
from mlgym_core.events.codec import decode_event, read_stamp
from mlgym_core.events.files import remove_folder
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.log import LogWriter
from mlgym_core.events.log_reader import LogReader
from mlgym_core.events.merge import Merger
from mlgym_core.events.types import AttemptStarted, CheckpointDeleted, CheckpointSaved
from mlgym_core.publish.shipment import Shipment

MOST_WAITING_BYTES = 256 * 2**20
"""How much may wait for servers before the spools are left to fill, which then let progress go."""
_CHUNK_BYTES = 4 * 2**20
_OF_CHECKPOINTS = (b'{"event_type":"checkpoint_', b'{"event_type":"attempt_started"')


class Carrier:
    """Brings what stands in `staging` to each of `servers`, and its files to the REST endpoint `rest` first.

    It holds the lock of the staged log until `close`. With `is_kept` nothing is removed then.

    Raises:
        StoreError: another process carries this run, or its folder cannot be written.
    """

    def __init__(
        self,
        staging: RunFolder,
        servers: Sequence[str],
        rest: str | None,
        token: str | None = None,
        *,
        most_waiting_bytes: int = MOST_WAITING_BYTES,
        is_kept: bool = False,
    ) -> None:
        self._staging = staging
        self._writer = LogWriter(staging)
        self._merger = Merger(self._writer, staging)
        self._most_waiting_bytes = most_waiting_bytes
        self._can_remove = rest is not None and not is_kept
        self._closed = False
        self._checkpoints = _Checkpoints(staging)
        self._shipment = Shipment(staging, servers, rest, token)
        self._shipment.offer(self._writer.num_events)
        self._reported = self._shipment.num_acknowledged

    @property
    def set_aside(self) -> Mapping[str, str]:
        """The producers whose further events some server does not take, and why."""
        return self._shipment.set_aside

    @property
    def obstacles(self) -> Mapping[str, str]:
        """What keeps servers from getting more, by their addresses."""
        return self._shipment.obstacles

    @property
    def num_waiting(self) -> int:
        """How many merged events some server has not acknowledged."""
        return self._shipment.num_waiting

    def carry_once(self) -> int:
        """Takes up what was published, unless too much waits; the number of events newly acknowledged by all servers.

        Raises:
            StoreError: the staged log or a spool failed, or a checkpoint cannot be removed.
        """
        if self._num_waiting_bytes() <= self._most_waiting_bytes:
            self._offer(self._merger.merge_once())
        self._checkpoints.remove_deleted(self._shipment.num_with_files)
        self._shipment.save()
        position = self._shipment.num_acknowledged
        newly, self._reported = max(0, position - self._reported), position
        return newly

    def take_up(self) -> None:
        """Takes up all that was published, however much waits. Raises as `carry_once`."""
        self._offer(self._merger.merge_rest())

    def drain(self, timeout_s: float, report: Callable[[int], None] = lambda _: None) -> int:
        """As `Shipment.drain`, for when no producer publishes any more; all that was published is taken up first.

        Raises:
            StoreError: the staged log or a spool failed.
        """
        self.take_up()
        return self._shipment.drain(timeout_s, report)

    def close(self) -> None:
        """Ends the connections; removes what was staged if all of it has arrived, files too, and keeps it otherwise.

        Raises:
            StoreError: it cannot be removed.
        """
        if self._closed:
            return
        self._closed = True
        self._shipment.close()
        has_arrived = self._shipment.has_arrived and not any(self._staging.spools_path.glob("*"))
        try:
            self._checkpoints.remove_deleted(self._shipment.num_with_files)
        finally:
            self._writer.close()
        if has_arrived and self._can_remove:
            remove_folder(self._staging.path)

    def _offer(self, lines: Sequence[bytes]) -> None:
        if lines:
            self._checkpoints.add(self._writer.num_events - len(lines), lines)
            self._shipment.offer(self._writer.num_events)

    def _num_waiting_bytes(self) -> int:
        log = self._staging.log_path.stat().st_size - self._shipment.num_bytes
        return log + self._checkpoints.size_after(self._shipment.num_with_files)


class _Checkpoints:
    """The checkpoints of a staged run whose files wait, by their sizes, and those that go once they waited enough."""

    def __init__(self, staging: RunFolder) -> None:
        self._staging = staging
        self._sizes: deque[tuple[int, int]] = deque()
        self._to_remove: deque[tuple[int, CheckpointDeleted]] = deque()
        self._attempts: set[str] = set()
        reader = LogReader(staging)
        first = 0
        while lines := reader.poll(_CHUNK_BYTES):
            self.add(first, lines)
            first = reader.next_event_id

    def add(self, first_event_id: int, lines: Iterable[bytes]) -> None:
        """Looks through lines of the log."""
        for event_id, line in enumerate(lines, first_event_id):
            if not line.startswith(_OF_CHECKPOINTS):
                continue
            event, stamp = decode_event(line), read_stamp(line)
            producer = stamp.producer if stamp else ""
            match event.payload if event else None:
                case AttemptStarted():
                    self._attempts.add(producer)
                case CheckpointSaved() as saved:
                    self._sizes.append((event_id, sum(each.size_bytes for each in saved.resources)))
                case CheckpointDeleted() as deleted if producer in self._attempts:  # others do it themselves
                    self._to_remove.append((event_id, deleted))

    def size_after(self, num_events: int) -> int:
        """The bytes of those that do not belong to the first events."""
        while self._sizes and self._sizes[0][0] < num_events:
            self._sizes.popleft()
        return sum(size_bytes for _, size_bytes in self._sizes)

    def remove_deleted(self, num_events: int) -> None:
        """Removes those here that the first events tell of as deleted. Raises StoreError where that fails."""
        while self._to_remove and self._to_remove[0][0] < num_events:
            remove_folder(folder_of(self._staging, self._to_remove[0][1]))
            self._to_remove.popleft()
