"""Facts for the project's own client, in the form that the ledger checks: event n of a producer says n as its epoch."""

from __future__ import annotations

import hashlib

from mlgym_core.events.files import write_atomically
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.types import CheckpointSaved, EvaluationResult, LossScore, MetricScore, Resource

MODEL = "model.safetensors"


def result(run_id: str, seq: int) -> EvaluationResult:
    """Event `seq` of a producer."""
    return EvaluationResult(
        grid_search_id=run_id,
        experiment_id=seq % 7,
        epoch=seq,
        metric_scores=[MetricScore(metric="f1", split="val", score=1 / seq)],
        loss_scores=[LossScore(loss="entropy", split="val", score=seq / 3)],
    )


def save_checkpoint(run: RunFolder, experiment_id: int, seq: int, content: bytes) -> CheckpointSaved:
    """Event `seq` of a producer, whose file lies in the folder by now."""
    write_atomically(run.resource_path(experiment_id, seq, MODEL), content)
    sha256 = hashlib.sha256(content).hexdigest()
    return CheckpointSaved(
        grid_search_id=run.run_id,
        experiment_id=experiment_id,
        epoch=seq,
        step=seq,
        resources=[Resource(name=MODEL, size_bytes=len(content), sha256=sha256)],
        weights_sha256=sha256,
        kept_as=["last"],
    )
