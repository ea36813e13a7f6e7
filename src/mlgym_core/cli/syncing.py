"""`mlgym sync`: what runs could not send to their servers while they ran.

Owns the choice of runs and servers; the carrier does the work.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlgym_core.cli.reporting import TextLog
from mlgym_core.cli.storage import open_storage
from mlgym_core.cli.terminal import print_json
from mlgym_core.config.nodes import to_plain
from mlgym_core.config.run_config import read_run_config
from mlgym_core.errors import RunError, StoreError
from mlgym_core.events.codes import NOT_FOUND
from mlgym_core.events.folder import RUN_CONFIG, EventStorage, RunFolder
from mlgym_core.events.log import LogReader
from mlgym_core.events.projections.overlay import overlay_summary
from mlgym_core.events.projections.run_fold import RunFold
from mlgym_core.events.projections.views import summary
from mlgym_core.events.spool import Spool
from mlgym_core.events.types import RunEnded
from mlgym_core.publish.carrier import Carrier


def sync(options: argparse.Namespace, _log: TextLog) -> int:
    """Sends what waits; fails where something still does afterwards."""
    waiting = {run.run_id: _send(run, options.server, options.timeout) for run in _chosen(options)}
    if options.json:
        print_json([{"run_id": run_id, "num_waiting": count} for run_id, count in waiting.items()])
    elif not waiting:
        print("nothing waits to be sent")
    else:
        for run_id, count in waiting.items():
            print(f"run {run_id}: {f'{count} events still wait' if count else 'all is sent'}")
    return 1 if any(waiting.values()) else 0


def _chosen(options: argparse.Namespace) -> list[RunFolder]:
    outbox = open_storage(options).outbox
    if options.spool is None:
        return outbox.runs()
    if Path(options.spool).name == options.spool:
        return [outbox.open(options.spool)]
    folder = Path(options.spool).resolve()
    elsewhere = EventStorage(folder.parent.parent).outbox
    # What is sent is removed afterwards, so a run that somebody keeps must never be taken for one that waits.
    if folder.parent != elsewhere.path:
        hint = f"runs that wait lie in {elsewhere.path.name}/ of an event storage"
        raise StoreError(f"{folder} is no run that waits to be sent", code=NOT_FOUND, hint=hint)
    return [elsewhere.open(folder.name)]


def _send(run: RunFolder, servers: Sequence[str] | None, timeout_s: float) -> int:
    """How many events of a run still wait after at most `timeout_s`."""
    settings = _settings(run)
    servers = servers or os.environ.get("MLGYM_SERVER", "").split()
    urls = servers or settings.get("servers") or ()
    if not urls:
        raise RunError(f"run {run.run_id} names no server to send to", code="MG109", hint="name one with --server URL")
    rest = urls[0] if servers else settings.get("gs_rest_api_endpoint") or urls[0]
    carrier = Carrier(run, urls, rest)
    try:
        carrier.carry_once()
        _end_if_lost(run)
        return carrier.drain(timeout_s)
    finally:
        carrier.close()


def _settings(run: RunFolder) -> dict[str, Any]:
    path = run.config_path(RUN_CONFIG)
    settings: dict[str, Any] = to_plain(read_run_config(path).settings) if path.exists() else {}
    return settings


def _end_if_lost(run: RunFolder) -> None:
    """Records the end of a run whose process went without a word; only who holds its lock knows that it is gone."""
    fold = RunFold()
    fold.feed(LogReader(run).poll())
    if fold.state.started is not None and fold.state.ended is None:
        told = overlay_summary(summary(fold.state), "lost")
        counts = {str(status): count for status, count in told.counts.items()}
        spool = Spool(run)
        spool.publish(RunEnded(grid_search_id=run.run_id, reason="lost", counts=counts))
        spool.close()
