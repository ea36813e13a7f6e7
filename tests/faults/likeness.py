"""Whether a run that was killed and resumed is as one that nobody killed: its log, its weights, each result once."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

from ledger import audit
from rig import Report

from mlgym_core.events.projections.equality import differences

ALIKE = "runs that ended as if nobody had killed them"


def compare(report: Report, whole: Path, tried: Path, where: str) -> None:
    """Enters what is not in the run of `tried` as in that of `whole`, or that all is."""
    expected, found = run_in(whole), run_in(tried)
    log = found / "event_storage.log"
    faults_before = sum(report.faults.values())
    audit(log, {}, report)
    unlike = differences((expected / log.name).read_bytes().splitlines(), log.read_bytes().splitlines())
    report.fault("logs that differ", bool(unlike), f"{where}: {unlike[:3]}")
    results = Counter(position for line in log.read_text().splitlines() if (position := result_position(line)))
    twice = [position for position, number in results.items() if number > 1]
    report.fault("results told twice", len(twice), f"{where}: {twice[:5]}")
    changed = sorted({path for path, _ in checkpoints(expected).items() ^ checkpoints(found).items()})
    report.fault("checkpoints that differ", bool(changed), f"{where}: {changed[:5]}")
    report.count(ALIKE, sum(report.faults.values()) == faults_before)


def run_in(storage: Path) -> Path:
    """The one run of a storage."""
    [log] = storage.glob("*/event_storage.log")
    return log.parent


def result_position(line: str) -> tuple[Any, ...] | None:
    """Of what a result is one; None where the line is none."""
    event = json.loads(line)
    if event["event_type"] != "evaluation_result":
        return None
    payload = event["payload"]
    split = next(each["split"] for each in [*payload["loss_scores"], *payload["metric_scores"]])
    return payload["experiment_id"], payload["epoch"], split


def checkpoints(run: Path) -> dict[str, str]:
    """The digests of all files of all checkpoints of a run, weights among them."""
    files = [path for path in run.glob("[0-9]*/**/*") if path.is_file() and path.parent.parent != run]
    return {str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
