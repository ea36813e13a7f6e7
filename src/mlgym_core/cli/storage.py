"""Where runs are kept, for commands without a configuration: option, environment, default."""

from __future__ import annotations

import argparse
import os

from mlgym_core.config.settings import default_event_storage
from mlgym_core.events.folder import EventStorage


def open_storage(options: argparse.Namespace) -> EventStorage:
    """The event storage that the options or the environment name; nothing is made on disk."""
    return EventStorage(options.event_storage_path or default_event_storage(os.environ))
