"""What a trainer recorded of its machine, in a file beside the log.

Owns the reading. It must not know what stands in it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from mlgym_core.errors import StoreError
from mlgym_core.events.files import read_file
from mlgym_core.events.folder import SYSTEM_INFO, RunFolder


def read_system_info(run: RunFolder, experiment_id: int) -> dict[str, Any] | None:
    """What is recorded for an experiment; None where there is nothing, or where it cannot be read."""
    try:
        return msgspec.json.decode(read_file(run.experiment_config_path(experiment_id, SYSTEM_INFO)), type=dict)
    except (StoreError, msgspec.DecodeError):
        return None
