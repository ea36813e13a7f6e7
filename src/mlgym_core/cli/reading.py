"""`mlgym runs` and `mlgym show`: what the logs of an event storage tell.

Owns how it is laid out on a terminal. It needs no torch, nor any component.
"""

from __future__ import annotations

import argparse
from datetime import datetime

import msgspec

from mlgym_core.cli.reporting import TextLog
from mlgym_core.cli.scores import headline
from mlgym_core.cli.storage import find_run, open_storage
from mlgym_core.cli.terminal import print_json, print_table
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.lock import Liveness, liveness
from mlgym_core.events.projections.overlay import overlay_row, overlay_summary
from mlgym_core.events.projections.run_state import RunSummary
from mlgym_core.events.projections.views import choices_text, show_document, snapshot, summary
from mlgym_core.events.snapshots import open_fold


def runs(options: argparse.Namespace, _log: TextLog) -> int:
    """Lists the runs, newest first."""
    storage = open_storage(options)
    found = [_summarize(run) for run in storage.runs()]
    if options.json:
        print_json([{**msgspec.to_builtins(told), "liveness": is_alive} for told, is_alive in found])
    elif not found:
        print(f"no runs in {storage.path}")
    else:
        print_table(("RUN", "STATUS", "EXPERIMENTS", "STARTED", "DESCRIPTION"), [_run_row(told) for told, _ in found])
    return 0


def show(options: argparse.Namespace, _log: TextLog) -> int:
    """Shows the state of a run, also as it was at an event."""
    run = find_run(open_storage(options), options.run_id)
    fold, reader = open_fold(run, options.at)
    # Whoever wrote the next event was there to write it.
    is_alive = liveness(run) if options.at is None or not reader.poll(1) else "alive"
    if options.json:
        print_json(show_document(fold, is_alive))
        return 0
    shown = snapshot(fold, is_alive)
    told = overlay_summary(shown.run, is_alive)
    print(f"run {told.run_id}: {told.status}{f' ({told.description})' if told.description else ''}")
    print(f"started {_moment(told.started_at)}, ended {_moment(told.ended_at)}; {_counts(told)}")
    rows = []
    for each in (overlay_row(row, is_alive) for row in shown.experiments):
        state = fold.state.experiments[each.experiment_id]
        choices = choices_text(shown.parameters[str(each.experiment_id)])
        epochs = f"{each.epochs_done}/{each.num_epochs or '?'}"
        told_error = (each.error or "").partition("\n")[0]
        rows.append((each.experiment_id, each.status, each.attempt, epochs, headline(state) or "", choices, told_error))
    print_table(("EXPERIMENT", "STATUS", "ATTEMPT", "EPOCHS", "BEST", "CHOICES", "ERROR"), rows)
    return 0


def _summarize(run: RunFolder) -> tuple[RunSummary, Liveness]:
    is_alive = liveness(run)
    return overlay_summary(summary(open_fold(run)[0].state), is_alive), is_alive


def _run_row(told: RunSummary) -> tuple[object, ...]:
    return told.run_id, told.status, _counts(told), _moment(told.started_at), told.description or ""


def _counts(told: RunSummary) -> str:
    return ", ".join(f"{count} {status}" for status, count in sorted(told.counts.items())) or "no experiments"


def _moment(seconds: float | None) -> str:
    return "-" if seconds is None else f"{datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M:%S}"
