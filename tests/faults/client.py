"""Facts for the project's own client, in the form that the ledger checks: event n of a producer says n as its epoch."""

from __future__ import annotations

from mlgym_core.events.types import EvaluationResult, LossScore, MetricScore


def result(run_id: str, seq: int) -> EvaluationResult:
    """Event `seq` of a producer."""
    return EvaluationResult(
        grid_search_id=run_id,
        experiment_id=seq % 7,
        epoch=seq,
        metric_scores=[MetricScore(metric="f1", split="val", score=1 / seq)],
        loss_scores=[LossScore(loss="entropy", split="val", score=seq / 3)],
    )
