"""How far each server has got, kept beside the log that is sent, so that another process can go on.

Owns one small file. Knows no network.
"""

from __future__ import annotations

import msgspec

from mlgym_core.events.files import write_atomically
from mlgym_core.events.folder import RunFolder


class Ledger(msgspec.Struct, kw_only=True):
    """Counts of events from the beginning of the log: those each server has, those it has the files of."""

    servers: dict[str, int] = {}
    files: dict[str, int] = {}


def read_ledger(run: RunFolder) -> Ledger:
    """The ledger of a run; an empty one where there is none, or none that can be read."""
    try:
        return msgspec.json.decode((run.path / "carrier.json").read_bytes(), type=Ledger)
    except (FileNotFoundError, msgspec.DecodeError):
        return Ledger()


def write_ledger(run: RunFolder, ledger: Ledger) -> None:
    """Replaces the ledger of a run."""
    write_atomically(run.path / "carrier.json", msgspec.json.encode(ledger))
