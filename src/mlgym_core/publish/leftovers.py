"""What a process that is gone left in the spools of a run, and the last word that it did not say.

Owns how a later process ends such a run. Knows no server.
"""

from __future__ import annotations

from contextlib import closing

from mlgym_core.errors import StoreError
from mlgym_core.events.codes import LOCKED
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.log import LogWriter
from mlgym_core.events.merge import Merger
from mlgym_core.events.projections.overlay import overlay_summary
from mlgym_core.events.projections.views import summary
from mlgym_core.events.snapshots import open_fold
from mlgym_core.events.spool import Spool
from mlgym_core.events.types import RunEnded


def has_leftovers(run: RunFolder) -> bool:
    """Whether there are spools; those of a run under way too."""
    return any(run.spools_path.glob("*.jsonl"))


def refused_spools(run: RunFolder) -> list[str]:
    """The files of spools that the run's own log did not take."""
    return sorted(path.name for path in run.spools_path.glob("*.jsonl.*") if not path.name.startswith("."))


def merge_leftovers(run: RunFolder) -> int:
    """How many events of spools came into the run's log, its end too where it had none; 0 where somebody writes it.

    Raises:
        StoreError: the log is damaged or cannot be written.
    """
    try:
        log = LogWriter(run)
    except StoreError as error:
        if error.code == LOCKED:
            return 0
        raise
    with closing(log) as writer:
        merger = Merger(writer, run)
        before = writer.num_events
        merger.merge_rest()
        end_if_lost(run)
        merger.merge_rest()
        return writer.num_events - before


def end_if_lost(run: RunFolder) -> None:
    """Publishes the end of a run whose process went without a word; only who holds its lock knows that it is gone."""
    state = open_fold(run)[0].state
    if state.started is not None and state.ended is None:
        told = overlay_summary(summary(state), "lost")
        counts = {str(status): count for status, count in told.counts.items()}
        with closing(Spool(run)) as spool:
            spool.publish(RunEnded(grid_search_id=run.run_id, reason="lost", counts=counts))
