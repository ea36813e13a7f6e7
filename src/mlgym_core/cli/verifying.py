"""`mlgym verify`: whether a run's log is what was written, and its checkpoints what the log tells of.

Owns what is said about it; `events` does the checking. It only reads.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from mlgym_core.cli.reporting import TextLog
from mlgym_core.cli.storage import find_run, open_storage
from mlgym_core.cli.terminal import print_json
from mlgym_core.errors import StoreError
from mlgym_core.events.chain import ChainEnd
from mlgym_core.events.checkpoint_files import CheckpointReport, verify_checkpoints
from mlgym_core.events.codes import NOT_FOUND
from mlgym_core.events.files import reading
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.verify import DamagedLineError, verify_chain


def verify(options: argparse.Namespace, _log: TextLog) -> int:
    """Verifies a run; fails where anything is not as it was written."""
    run = _find(options)
    end, damage = _verify_log(run)
    checkpoints = verify_checkpoints(run)
    notes = [f"{path}: nothing in the log tells of this file" for path in checkpoints.untold]
    notes += [f"{path}: the log tells of its checkpoint as deleted" for path in checkpoints.left]
    if end and (unstamped := _num_unstamped(end)):
        notes.insert(0, f"{unstamped:,} events have no stamp, as MLgym's: a change shows only before one that has it")
    if end and (torn := _torn_bytes(run.log_path, end.size_bytes)):
        notes.insert(0, f"the last {torn:,} bytes of the log are a line that is not whole yet, and do not count")
    if options.json:
        print_json(_document(run, end, damage, checkpoints, notes))
    else:
        _print(run, end, damage, checkpoints, notes)
    return 1 if damage or checkpoints.faults else 0


def _find(options: argparse.Namespace) -> RunFolder:
    if Path(options.run_id).name == options.run_id:
        return find_run(open_storage(options), options.run_id)
    run = RunFolder(Path(options.run_id).resolve())
    if run.exists():
        return run
    raise StoreError(f"there is no run in {run.path}", code=NOT_FOUND, hint="name the folder that has its log")


def _verify_log(run: RunFolder) -> tuple[ChainEnd | None, DamagedLineError | None]:
    try:
        return verify_chain(run.log_path), None
    except DamagedLineError as damage:
        return None, damage


def _num_unstamped(end: ChainEnd) -> int:
    """How many events say of themselves neither whose they are nor what they follow on."""
    return end.num_lines - sum(end.last_seqs.values())


def _torn_bytes(path: Path, end: int) -> int:
    """How long the unterminated line is that begins at `end`; 0 where lines came meanwhile."""
    if not path.exists():
        return 0
    with reading(path), path.open("rb") as file:
        file.seek(end)
        tail = file.read()
    return 0 if b"\n" in tail else len(tail)


def _document(
    run: RunFolder,
    end: ChainEnd | None,
    damage: DamagedLineError | None,
    checkpoints: CheckpointReport,
    notes: list[str],
) -> dict[str, Any]:
    faults: list[dict[str, Any]] = [msgspec.to_builtins(each) for each in checkpoints.faults]
    return {
        "run_id": run.run_id,
        "folder": str(run.path),
        "is_sound": not (damage or faults),
        "num_events": end.num_lines if end else None,
        "head": end.head if end else None,
        "damage": {"line": damage.line, "message": damage.message} if damage else None,
        "num_checkpoints": checkpoints.num_checkpoints,
        "checkpoint_faults": faults,
        "notes": notes,
    }


def _print(
    run: RunFolder,
    end: ChainEnd | None,
    damage: DamagedLineError | None,
    checkpoints: CheckpointReport,
    notes: list[str],
) -> None:
    if damage:
        print(f"run {run.run_id}: {damage}")
    if end:
        how = "each whole" if _num_unstamped(end) else "each as it was written"
        print(f"run {run.run_id}: {end.num_lines:,} events, {how}")
        print(f"head {end.head}")
    faulty = {(each.experiment_id, each.epoch) for each in checkpoints.faults}
    print(
        f"checkpoints: {checkpoints.num_checkpoints - len(faulty)} of {checkpoints.num_checkpoints} as they were saved"
    )
    for fault in checkpoints.faults:
        print(f"  {fault}")
    for note in notes:
        print(f"note: {note}")
