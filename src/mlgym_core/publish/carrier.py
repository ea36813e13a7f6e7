"""Carries a staged run to servers.

Owns the staged log of a run whose storage is elsewhere: merges its spools, has its files uploaded and its events sent,
and removes it once all is acknowledged. Knows nothing of training.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Sequence

from mlgym_core.events.folder import RunFolder
from mlgym_core.events.log import LogWriter
from mlgym_core.events.merge import Merger
from mlgym_core.publish.delivery import Delivery
from mlgym_core.publish.ledger import Ledger, read_ledger, write_ledger
from mlgym_core.publish.uploads import Uploads

_LOG = logging.getLogger(__name__)
_SAVE_EVERY_S = 1.0
_PATIENCE_S = 2.0


class Carrier:
    """Brings what stands in `staging` to each of `servers`, and its files to the REST endpoint `rest` first.

    It holds the lock of the staged log until `close`. Servers that are away are tried again and again, in threads; the
    ledger beside the log says how far each is, so that a later carrier goes on. Without `rest` no file is uploaded.

    Raises:
        StoreError: another process carries this run, or its folder cannot be written.
    """

    def __init__(self, staging: RunFolder, servers: Sequence[str], rest: str | None) -> None:
        self._staging = staging
        self._writer = LogWriter(staging)
        self._merger = Merger(self._writer, staging)
        self._next_save = 0.0
        self._closed = False
        self._rest = rest
        self._saved = ledger = read_ledger(staging)
        self._uploads = Uploads(staging, rest, ledger.uploaded, self._notify_deliveries) if rest else None
        num_events = self._writer.num_events
        self._deliveries = [
            Delivery(staging, url, min(ledger.servers.get(url, 0), num_events), self._num_ready)
            for url in dict.fromkeys(servers)
        ]
        self._reported = self._position
        if self._uploads:
            self._uploads.start()

    @property
    def num_waiting(self) -> int:
        """How many merged events some server has not acknowledged."""
        return self._writer.num_events - self._position

    def carry_once(self) -> int:
        """Takes up what was published; the number of events that all servers acknowledged since the last call.

        Raises:
            StoreError: the staged log or a spool failed.
        """
        if self._merger.merge_once():
            self._notify()
        return self._report()

    def drain(self, timeout_s: float) -> int:
        """The number of events that still wait after at most `timeout_s`, once no producer publishes any more.

        Raises:
            StoreError: the staged log or a spool failed.
        """
        deadline = time.monotonic() + timeout_s
        self._merger.merge_rest()
        self._notify()
        for delivery in self._deliveries:
            delivery.hurry()
        for delivery in self._deliveries:
            delivery.wait_for(self._writer.num_events, deadline)
        self._report()
        return self.num_waiting

    def close(self) -> None:
        """Ends the connections; removes what was staged if all of it has arrived, files too, and keeps it otherwise."""
        if self._closed:
            return
        self._closed = True
        for delivery in self._deliveries:
            delivery.close(_PATIENCE_S)
        if self._uploads:
            self._uploads.close(_PATIENCE_S)
        self._save()
        arrived = self._uploads is not None and self.num_waiting == 0 and not any(self._staging.spools_path.glob("*"))
        self._writer.close()
        if arrived:
            shutil.rmtree(self._staging.path)

    @property
    def _position(self) -> int:
        return min((delivery.position for delivery in self._deliveries), default=0)

    def _num_ready(self) -> int:
        return self._uploads.position if self._uploads else self._writer.num_events

    def _notify(self) -> None:
        if self._uploads:
            self._uploads.notify()
        self._notify_deliveries()

    def _notify_deliveries(self) -> None:
        for delivery in self._deliveries:
            delivery.notify()

    def _report(self) -> int:
        if time.monotonic() >= self._next_save:
            self._save()
            self._next_save = time.monotonic() + _SAVE_EVERY_S
        position = self._position
        newly, self._reported = max(0, position - self._reported), position
        return newly

    def _save(self) -> None:
        positions = {delivery.url: delivery.position for delivery in self._deliveries}
        uploaded = self._uploads.position if self._uploads else 0
        ledger = Ledger(servers=positions, rest=self._rest, uploaded=uploaded)
        if ledger != self._saved:
            write_ledger(self._staging, ledger)
            self._saved = ledger
