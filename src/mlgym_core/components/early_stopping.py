"""When to end training before its last epoch, judged by one score.

Owns what it has seen of that score. It knows neither models nor where the score comes from; it is asked once an epoch.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal, Protocol, TypeAlias

from pydantic import Field, NonNegativeFloat, PositiveInt

from mlgym_core.registry import register

Goal: TypeAlias = Literal["max", "min"]


class EarlyStopping(Protocol):
    """A judge of the score `monitor`, written `<split>/<name>`."""

    monitor: str

    def observe(self, score: float, goal: Goal) -> bool:
        """Whether to stop after an epoch with that score; not a number is never an improvement."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """All that it has seen, as plain values."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        ...


@register("early_stopping", "no_improvement")
class NoImprovement:
    """Stops when the best score has not improved for `window` epochs.

    Args:
        monitor: The score to watch, such as val/f1.
        window: After how many epochs without improvement to stop.
        min_delta: By how much a score must be better than the best before it, to count.
        goal: Whether more is better; that of the metric where not given.
    """

    def __init__(
        self,
        monitor: str,
        window: PositiveInt,
        min_delta: NonNegativeFloat = 0.0,
        goal: Goal | None = None,
    ) -> None:
        self.monitor = monitor
        self._window = window
        self._min_delta = min_delta
        self._goal = goal
        self._best: float | None = None
        self._epochs_since = 0

    def observe(self, score: float, goal: Goal) -> bool:
        """Whether to stop after an epoch with that score."""
        if self._improves(score, self._goal or goal):
            self._best, self._epochs_since = score, 0
        else:
            self._epochs_since += 1
        return self._epochs_since >= self._window

    def _improves(self, score: float, goal: Goal) -> bool:
        if self._best is None:
            return score == score
        gain = score - self._best if goal == "max" else self._best - score
        return gain > self._min_delta

    def state_dict(self) -> dict[str, Any]:
        """The best score and the epochs since then."""
        return {"best": self._best, "epochs_since": self._epochs_since}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self._best, self._epochs_since = state["best"], state["epochs_since"]


@register("early_stopping", "last_k_epochs_improvement")
class LastKEpochsImprovement:
    """Stops when, among the last `window` scores, none is better than the one before it by the share `min_rel`.

    Args:
        monitor: The score to watch, such as val/f1.
        window: How many scores are looked at; with fewer there is no stop.
        min_rel: The least relative improvement from one epoch to the next.
        increasing: Whether more is better; as the metric says where not given.
    """

    def __init__(
        self,
        monitor: str,
        window: Annotated[int, Field(ge=2)],
        min_rel: NonNegativeFloat,
        increasing: bool | None = None,
    ) -> None:
        self.monitor = monitor
        self._window = window
        self._min_rel = min_rel
        self._increasing = increasing
        self._scores: list[float] = []

    def observe(self, score: float, goal: Goal) -> bool:
        """Whether to stop after an epoch with that score."""
        self._scores = [*self._scores, score][-self._window :]
        sign = 1 if (goal == "max" if self._increasing is None else self._increasing) else -1
        gains = ((sign * (after - before), abs(before)) for before, after in pairwise(self._scores))
        improves = any(gain > 0 and gain >= self._min_rel * size for gain, size in gains)
        return len(self._scores) == self._window and not improves

    def state_dict(self) -> dict[str, Any]:
        """The scores in the window."""
        return {"scores": list(self._scores)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self._scores = list(state["scores"])
