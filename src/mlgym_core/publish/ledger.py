"""How far each server has got, kept beside what is staged, so that another process can go on.

Owns one small file. Knows no network.
"""

from __future__ import annotations

import msgspec

from mlgym_core.events.folder import RunFolder, write_atomically


class Ledger(msgspec.Struct, kw_only=True):
    """Counts of events from the beginning of the staged log: those acknowledged by each server, those uploaded for."""

    servers: dict[str, int] = {}
    rest: str | None = None
    uploaded: int = 0


def read_ledger(staging: RunFolder) -> Ledger:
    """The ledger of a staged run; an empty one where there is none, or none that can be read."""
    try:
        return msgspec.json.decode((staging.path / "carrier.json").read_bytes(), type=Ledger)
    except (FileNotFoundError, msgspec.DecodeError):
        return Ledger()


def write_ledger(staging: RunFolder, ledger: Ledger) -> None:
    """Replaces the ledger of a staged run."""
    write_atomically(staging.path / "carrier.json", msgspec.json.encode(ledger))
