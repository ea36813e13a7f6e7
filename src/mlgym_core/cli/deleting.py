"""`mlgym delete` and `mlgym trash`: runs and checkpoints that go, and how they come back.

Owns what is said about it; `events` does the work.
"""

from __future__ import annotations

import argparse
import getpass
import os
from datetime import datetime

from mlgym_core.cli.reporting import TextLog
from mlgym_core.cli.storage import find_run, open_storage
from mlgym_core.cli.terminal import print_json, print_table
from mlgym_core.errors import StoreError
from mlgym_core.events.checkpoint_files import delete_checkpoints
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.retention import KEPT_DAYS, empty_trash, list_trash, restore_run, trash_run


def delete(options: argparse.Namespace, _log: TextLog) -> int:
    """Moves a run to the trash, or deletes the checkpoints of its experiments; fails where one of those has none."""
    storage = open_storage(options)
    run = find_run(storage, options.run_id)
    if options.experiment_ids:
        return _delete_checkpoints(run, options)
    trashed = trash_run(storage, run.run_id, _user())
    empty_trash(storage, KEPT_DAYS, _user())
    if options.json:
        print_json(trashed)
    else:
        print(f"run {run.run_id} is in the trash, and is removed for good in {KEPT_DAYS:.0f} days")
        print(f"back again: mlgym trash --restore {run.run_id} --event_storage_path {storage.path}")
    return 0


def trash(options: argparse.Namespace, _log: TextLog) -> int:
    """Lists what is in the trash, brings a run back, or removes what is old."""
    storage = open_storage(options)
    if options.restore is not None:
        run = restore_run(storage, options.restore, _user())
        if options.json:
            print_json({"run_id": run.run_id, "folder": str(run.path)})
        else:
            print(f"run {run.run_id} is back in {run.path}")
        return 0
    found = empty_trash(storage, options.older_than, _user()) if options.empty else list_trash(storage)
    if options.json:
        print_json(found)
    elif options.empty:
        print(f"{len(found)} run{'' if len(found) == 1 else 's'} removed for good")
    elif not found:
        print(f"nothing is in the trash of {storage.path}")
    else:
        rows = [(each.run_id, f"{datetime.fromtimestamp(each.at):%Y-%m-%d %H:%M:%S}", each.by) for each in found]
        print_table(("RUN", "DELETED", "BY"), rows)
    return 0


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may have no name for its user.
        return f"user {os.getuid()}"


def _delete_checkpoints(run: RunFolder, options: argparse.Namespace) -> int:
    deleted: dict[str, list[int]] = {}
    failures: list[StoreError] = []
    for experiment_id in options.experiment_ids:
        try:
            deleted[str(experiment_id)] = delete_checkpoints(run, experiment_id)
        except StoreError as error:
            failures.append(error)
    if options.json:
        errors = [{"code": each.code, "message": each.message, "hint": each.hint} for each in failures]
        print_json({"run_id": run.run_id, "deleted": deleted, "errors": errors})
    else:
        for number, epochs in deleted.items():
            print(f"experiment {number}: the checkpoints of the epochs {', '.join(map(str, epochs))} are deleted")
        for failure in failures:
            print(failure)
    return 1 if failures else 0
