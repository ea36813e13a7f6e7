"""What is seen of a run whose process is gone, laid over what its events say.

Owns that overlay alone: folds, and whatever is kept or sent of them, never hold it.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from mlgym_core.events.lock import Liveness
from mlgym_core.events.projections.run_state import PROCESS_LOST, ExperimentRow, RunSummary

RowT = TypeVar("RowT", bound=ExperimentRow)


def overlay_row(row: RowT, liveness: Liveness) -> RowT:
    """`row`, or a copy of it that has failed, where it runs in a run that is lost."""
    if liveness != "lost" or row.status != "running":
        return row
    return msgspec.structs.replace(
        row,
        status="failed",
        error=PROCESS_LOST,
        phase=None,
        current_split=None,
        current_batch=None,
        num_batches=None,
    )


def overlay_summary(summary: RunSummary, liveness: Liveness) -> RunSummary:
    """`summary`, or a copy of it whose experiments do not run any more, where the run is lost."""
    if liveness != "lost":
        return summary
    counts = dict(summary.counts)
    num_running = counts.pop("running", 0)
    if num_running:
        counts["failed"] = counts.get("failed", 0) + num_running
    status = "lost" if summary.status in ("pending", "running") else summary.status
    return msgspec.structs.replace(summary, counts=counts, status=status)
