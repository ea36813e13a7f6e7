"""Where runs are kept, and which of them a command is about.

Owns the order of option, environment and default, for commands without a configuration.
"""

from __future__ import annotations

import argparse
import os

from mlgym_core.config.settings import default_event_storage
from mlgym_core.errors import StoreError
from mlgym_core.events.codes import NOT_READABLE
from mlgym_core.events.folder import EventStorage, RunFolder


def open_storage(options: argparse.Namespace) -> EventStorage:
    """The event storage that the options or the environment name; nothing is made on disk.

    Raises:
        StoreError: what they name is a file.
    """
    storage = EventStorage(options.event_storage_path or default_event_storage(os.environ))
    if storage.path.exists() and not storage.path.is_dir():
        raise StoreError(
            f"{storage.path} is a file", code=NOT_READABLE, hint="an event storage is the folder that runs are kept in"
        )
    return storage


def find_run(storage: EventStorage, run_id: str) -> RunFolder:
    """The run, also one that still waits to be sent to a server; `last` is the newest.

    Raises:
        StoreError: there is none.
    """
    try:
        return storage.open(run_id)
    except StoreError:
        waiting = [run for run in storage.outbox.runs() if run.run_id == run_id]
        if not waiting:
            raise
        return waiting[0]
