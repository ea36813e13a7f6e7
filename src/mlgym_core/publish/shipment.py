"""The log of a run and its files, on their way to servers.

Owns who sends what: a delivery for each server, the uploads before them, and the ledger of how far each is. It only
reads the run, and knows not who writes it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

from mlgym_core.errors import StoreError
from mlgym_core.events.codec import read_stamp
from mlgym_core.events.codes import NOT_AN_EVENT
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.log_reader import LogReader, reader_at
from mlgym_core.publish.delivery import Delivery
from mlgym_core.publish.endpoint import Endpoint
from mlgym_core.publish.ledger import Ledger, read_ledger, write_ledger
from mlgym_core.publish.uploads import Uploads

_LOOK_EVERY_S = 0.2
_SAVE_EVERY_S = 1.0
_PATIENCE_S = 2.0


class Shipment:
    """Brings the first events of `run`, as many as `offer` says, to each of `servers`, and files to `rest` first.

    Servers that are away are tried again and again, in threads; the ledger beside the log says how far each is, so
    that a later shipment goes on. Without `rest` no file is uploaded. All of them are shown `token`.
    """

    def __init__(self, run: RunFolder, servers: Sequence[str], rest: str | None, token: str | None) -> None:
        self._run = run
        self._num_events = 0
        self._next_save = 0.0
        self._saved = ledger = read_ledger(run)
        self._uploads: Uploads | None = None
        if rest:
            endpoint = Endpoint(run, rest, token)
            self._uploads = Uploads(
                run,
                endpoint,
                ledger.files.get(endpoint.url, 0),
                num_events=lambda: self._num_events,
                num_told=lambda: min(each.num_told for each in self._beside_files),
                set_aside=lambda: {producer for each in self._beside_files for producer in each.set_aside},
                advanced=self._notify_deliveries,
            )
        self._deliveries = [
            Delivery(run, url, token, ledger.servers.get(url, 0), self._num_ready, partial(self._go_back, url))
            for url in dict.fromkeys(servers)
        ]
        for each in self._all:
            each.start()

    @property
    def num_acknowledged(self) -> int:
        """How many events all servers have."""
        return min(each.num_acknowledged for each in self._deliveries)

    @property
    def num_bytes(self) -> int:
        """The size of the events that all servers have, or do not take."""
        return min(each.num_bytes for each in self._deliveries)

    @property
    def num_with_files(self) -> int:
        """Of how many events the files are where they belong."""
        return self._uploads.position if self._uploads else self._num_events

    @property
    def num_waiting(self) -> int:
        """How many of the events offered some server has not, or has to delete the files of."""
        return self._num_events - min(
            self.num_acknowledged, self._uploads.settled if self._uploads else self._num_events
        )

    @property
    def has_arrived(self) -> bool:
        """Whether all servers have all that was offered, and the files are where they belong."""
        return self._is_over and self.num_waiting == 0

    @property
    def set_aside(self) -> Mapping[str, str]:
        """The producers whose further events some server does not take, and why."""
        return {producer: why for each in self._deliveries for producer, why in each.set_aside.items()}

    @property
    def obstacles(self) -> Mapping[str, str]:
        """What keeps servers from getting more, by their addresses."""
        return {each.url: each.obstacle for each in self._all if each.obstacle}

    def offer(self, num_events: int) -> None:
        """Says that the log has as many events that are safe."""
        if num_events > self._num_events:
            self._num_events = num_events
            for each in self._all:
                each.notify()

    def drain(self, timeout_s: float, report: Callable[[int], None] = lambda _: None) -> int:
        """How many events still wait, once all has arrived or was refused, or nothing did for `timeout_s`.

        `report` is told how many wait, several times a second.
        """
        for each in self._all:
            each.hurry()
        fewest, deadline = self.num_waiting, time.monotonic() + timeout_s
        while not self._is_over and time.monotonic() < deadline:
            self._wait(min(deadline, time.monotonic() + _LOOK_EVERY_S))
            self.save()
            waiting = self.num_waiting
            report(waiting)
            if waiting < fewest:
                fewest, deadline = waiting, time.monotonic() + timeout_s
        return self.num_waiting

    def save(self) -> None:
        """Writes the ledger, if something changed; about once a second at most."""
        if time.monotonic() >= self._next_save:
            self._write_ledger()
            self._next_save = time.monotonic() + _SAVE_EVERY_S

    def close(self) -> None:
        """Ends the connections."""
        for each in self._all:
            each.close(_PATIENCE_S)
        self._write_ledger()

    @property
    def _all(self) -> list[Delivery | Uploads]:
        return [*self._deliveries, *([self._uploads] if self._uploads else [])]

    @property
    def _is_over(self) -> bool:
        if self._uploads and self._uploads.is_refused:
            return True
        if not all(each.is_over(self._num_events) for each in self._deliveries):
            return False
        return self._uploads is None or self._uploads.settled >= self.num_acknowledged

    def _wait(self, deadline: float) -> None:
        for each in self._deliveries:
            each.wait_for(self._num_events, deadline)
        if self._uploads:
            self._uploads.wait_for(self.num_acknowledged, deadline)

    def _num_ready(self) -> int:
        return min(self.num_with_files, self._num_events)

    @property
    def _beside_files(self) -> list[Delivery]:
        """To the server where the files lie; to all of them, where it is none of these."""
        return [each for each in self._deliveries if self._has_files(each.url)] or self._deliveries

    def _go_back(self, url: str, position: int) -> None:
        if self._uploads and self._has_files(url):
            self._uploads.go_back(position)

    def _has_files(self, url: str) -> bool:
        return self._uploads is not None and url.rstrip("/") == self._uploads.url

    def _notify_deliveries(self) -> None:
        for each in self._deliveries:
            each.notify()

    def _write_ledger(self) -> None:
        servers = {each.url: each.num_to_remember for each in self._deliveries}
        files = {self._uploads.url: self._uploads.settled} if self._uploads else {}
        ledger = Ledger(servers={**self._saved.servers, **servers}, files={**self._saved.files, **files})
        if ledger != self._saved:
            with suppress(StoreError):  # it only spares asking and sending again; the folder may be one to read alone
                write_ledger(self._run, ledger)
                self._saved = ledger


def ship_copy(run: RunFolder, servers: Sequence[str], rest: str | None, token: str | None) -> Shipment:
    """A shipment of all that the log of `run` has by now, whoever writes it; nothing of the run is changed.

    Raises:
        StoreError: the log cannot be read, or is one of a version without stamps, by which servers know events again.
    """
    reader = LogReader(run)
    first = reader.poll(1)
    if first and read_stamp(first[0]) is None:
        raise StoreError(
            f"the log of run {run.run_id} was written by another program, and its events have no numbers",
            code=NOT_AN_EVENT,
            hint="copy its folder into the event storage of the server instead",
        )
    shipment = Shipment(run, servers, rest, token)
    shipment.offer(reader_at(run).next_event_id)
    return shipment
