"""Which score of an experiment stands for it where there is room for one.

Owns that choice; draws nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mlgym_core.events.projections.run_state import ExperimentState, ScoreAt
from mlgym_core.events.projections.scores import is_to_lower, metric_goals

_SPLITS = ("val", "test", "train")


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The best value of one score, and the epoch that had it."""

    name: str
    best: ScoreAt

    def __str__(self) -> str:
        return f"{self.name} {self.best.value:.4g} (epoch {self.best.epoch})"


def headline(experiment: ExperimentState) -> Headline | None:
    """The score that early stopping watches; else the first metric on validation data; else what there is."""
    for name in _candidates(experiment):
        best = experiment.best.get(name)
        if best is not None and best.value is not None:
            return Headline(name=name, best=best)
    return None


def best_experiment(experiments: Iterable[ExperimentState]) -> tuple[ExperimentState, Headline] | None:
    """The experiment with the best headline; all are compared by the score that the first of them has."""
    found = [(each, score) for each in experiments if (score := headline(each)) is not None]
    if not found:
        return None
    name = found[0][1].name
    sign = -1 if _is_to_lower(found[0][0], name) else 1
    return max(
        (pair for pair in found if pair[1].name == name),
        key=lambda pair: (sign * (pair[1].best.value or 0.0), -pair[0].experiment_id),
    )


def _candidates(experiment: ExperimentState) -> Iterable[str]:
    early_stopping = experiment.config.get("early_stopping")
    if isinstance(early_stopping, dict) and isinstance(early_stopping.get("monitor"), str):
        yield early_stopping["monitor"]
    for split in _SPLITS:
        for metric in metric_goals(experiment.config):
            name = f"{split}/{metric}"
            yield from (name, *(each for each in experiment.best if each.startswith(f"{name}_")))
    yield from sorted(experiment.best, key=lambda name: (not name.startswith("val/"), name))


def _is_to_lower(experiment: ExperimentState, name: str) -> bool:
    score = name.partition("/")[2]
    goals = metric_goals(experiment.config)
    is_of_metric = any(f"{score}_".startswith(f"{metric}_") for metric in goals) and score not in _losses(experiment)
    return is_to_lower(score, goals) if is_of_metric else True


def _losses(experiment: ExperimentState) -> Iterable[str]:
    loss, further = experiment.config.get("loss"), experiment.config.get("losses")
    losses = [loss, *(further if isinstance(further, list) else ())]
    return [str(each.get("name") or each.get("use")) for each in losses if isinstance(each, dict)]
