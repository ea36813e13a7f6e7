"""Where a run's events go from its spools: into the run's own log, or to servers.

Owns the choice and one face for both; the work is done by `events` and `publish`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from mlgym_core.errors import RunError
from mlgym_core.events.durability import SYNCS, Durability
from mlgym_core.events.folder import EventStorage, RunFolder
from mlgym_core.events.log import LogWriter
from mlgym_core.events.merge import Merger

_PATIENCE_S = 5.0
"""How long the end of a run waits for servers that say nothing."""


class Transport(Protocol):
    """Carries the events of one run; not for two threads at once."""

    def carry(self) -> None:
        """Carries on what was published so far, as far as that is possible at once."""
        ...

    def take_up(self) -> None:
        """Brings all that was published so far into the log of the run's folder, however much waits to be sent."""
        ...

    def finish(self) -> int:
        """Carries on the rest, when all producers are gone; how many events could not be sent and still wait."""
        ...

    def close(self) -> None:
        """Gives up the run's log."""
        ...


class LocalLog:
    """Events go into the log of the run's own folder, whose one writer this is."""

    def __init__(self, run: RunFolder, durability: Durability) -> None:
        self._writer = LogWriter(run, sync=SYNCS[durability])
        self._merger = Merger(self._writer, run)

    def carry(self) -> None:
        """As `Transport.carry`."""
        self._merger.merge_once()

    def take_up(self) -> None:
        """As `Transport.take_up`."""
        self._merger.merge_rest()

    def finish(self) -> int:
        """As `Transport.finish`."""
        self._merger.merge_rest()
        return 0

    def close(self) -> None:
        """As `Transport.close`."""
        self._writer.close()


class Servers:
    """Events and files go to servers; what cannot be sent in `patience_s` stays in the outbox for `mlgym sync`."""

    def __init__(
        self, run: RunFolder, servers: Sequence[str], rest: str | None, token: str | None, patience_s: float
    ) -> None:
        # Runs without a server need none of what speaks to one.
        from mlgym_core.publish.carrier import Carrier

        self._carrier = Carrier(run, servers, rest, token)
        self._patience_s = patience_s

    def carry(self) -> None:
        """As `Transport.carry`."""
        self._carrier.carry_once()

    def take_up(self) -> None:
        """As `Transport.take_up`."""
        self._carrier.take_up()

    def finish(self) -> int:
        """As `Transport.finish`; goes on for as long as something arrives."""
        return self._carrier.drain(self._patience_s)

    def close(self) -> None:
        """As `Transport.close`."""
        self._carrier.close()


def find_token(servers: Sequence[str]) -> str | None:
    """What the environment gives to show to `servers`; None where there are none.

    Raises:
        RunError: it names a file that holds no token.
    """
    if not servers:
        return None
    from mlgym_core.publish.token import read_token

    return read_token(os.environ)


def rest_of(servers: Sequence[str], endpoint: str | None) -> str | None:
    """Where files go that belong to events: to `endpoint`, else to the first of `servers`, which answers both.

    Raises:
        RunError: one of them is no address.
    """
    for server in servers:
        if not server.startswith(("http://", "https://")):
            raise RunError(
                f"{server!r} is no address of a server", code="MG106", hint="it begins with http:// or https://"
            )
    return endpoint or next(iter(servers), None)


def create_run(storage: EventStorage, servers: Sequence[str], rest: str | None, token: str | None) -> RunFolder:
    """A new folder for a run: where `servers` are named in the outbox, under a name that is free at `rest`, too.

    Raises:
        StoreError: the storage cannot be written.
    """
    if not servers:
        return storage.create_run()
    from mlgym_core.publish.endpoint import reserve

    return storage.outbox.create_run(is_free=partial(reserve, rest, token))


def open_transport(
    run: RunFolder, servers: Sequence[str], rest: str | None, token: str | None, durability: Durability
) -> Transport:
    """The way for the events of `run`, which lies in the outbox where `servers` are named, who are shown `token`.

    What waits in an outbox is always synced: nobody else has it.

    Raises:
        StoreError: another process writes the run, or its folder cannot be written.
    """
    return Servers(run, servers, rest, token, _PATIENCE_S) if servers else LocalLog(run, durability)
