"""Which score of an experiment is its best and which its last, as its results come, also repeated ones.

Owns that choice. It must not know which events there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from typing import Any

from mlgym_core.events.projections.columns import Column
from mlgym_core.events.projections.run_state import ExperimentRow, ScoreAt


def add_score(
    row: ExperimentRow, key: str, column: Column, event_id: int, score: ScoreAt, *, is_to_lower: bool
) -> None:
    """Appends a score to its column and keeps the row's best and last; a score of an epoch replaces the one before.

    The best is the earliest of those that are equally good; None is never one.
    """
    column.append(event_id, score.epoch, score.value)
    last, best = row.last.get(key), row.best.get(key)
    if last is None or score.epoch >= last.epoch:
        row.last[key] = score
    if best is not None and score.epoch == best.epoch and not _is_better(score, best, is_to_lower):
        # The best is not any more what it was; of the others, any may be the best now.
        row.best.pop(key)
        found = _find_best(column, is_to_lower)
        if found is not None:
            row.best[key] = found
    elif _is_better(score, best, is_to_lower):
        row.best[key] = score


def is_to_lower(metric: str, goals: Mapping[str, str]) -> bool:
    """Whether a score of metrics is better the lower it is, by the goals of the metrics.

    A metric with several scores names them after itself: `recall_at_2` and `recall_at_3` of `recall_at`.
    """
    while metric not in goals and "_" in metric:
        metric = metric.rpartition("_")[0]
    return goals.get(metric) == "min"


def metric_goals(config: dict[str, Any]) -> dict[str, str]:
    """The goal, `min` or `max`, of each metric of a configuration, by its name."""
    metrics = config.get("metrics")
    each_metric = metrics if isinstance(metrics, list) else [metrics]
    return {
        str(each.get("name") or each.get("use")): str(each.get("goal", "max"))
        for each in each_metric
        if isinstance(each, dict)
    }


def _is_better(score: ScoreAt, than: ScoreAt | None, is_to_lower: bool) -> bool:
    if score.value is None:
        return False
    if than is None or than.value is None:
        return True
    if score.value == than.value:
        return score.epoch <= than.epoch
    return score.value < than.value if is_to_lower else score.value > than.value


def _find_best(column: Column, is_to_lower: bool) -> ScoreAt | None:
    points = column.read()
    sign = 1 if is_to_lower else -1
    known = [(sign * value, int(x)) for x, value in zip(points.xs, points.values, strict=True) if not isnan(value)]
    if not known:
        return None
    value, epoch = min(known)
    return ScoreAt(value=sign * value, epoch=epoch)
