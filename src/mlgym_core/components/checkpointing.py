"""Which checkpoints to keep.

Owns the decision alone: a rule neither knows what is in a checkpoint nor where it lies. What it has seen is part of
each checkpoint, so that it decides the same where training goes on from one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Annotated, Any, Protocol, TypeAlias

from pydantic import PositiveInt

from mlgym_core.checkpoints.protocols import Moment
from mlgym_core.components.early_stopping import Goal
from mlgym_core.errors import BuildError
from mlgym_core.registry import Nested, default_registry, register

GoalOf: TypeAlias = Callable[[str], Goal]
"""Which way a score gets better, by `<split>/<name>`."""


class Checkpointing(Protocol):
    """A rule by which checkpoints are kept."""

    monitors: tuple[str, ...]
    """The scores that it looks at, as `<split>/<name>`."""
    every_steps: tuple[int, ...]
    """It is asked at the end of each epoch, and within one after each multiple of these steps."""

    def observe(self, moment: Moment, scores: Mapping[str, float], goal_of: GoalOf) -> tuple[str, ...]:
        """Why `moment` is kept, as `last` or `best:val/f1`; nothing where it is not. Within an epoch are no scores."""
        ...

    def keeps(self, moment: Moment) -> bool:
        """Whether a moment that was kept once is kept still."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """All that it has seen, as plain values."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        ...


class _Newest:
    """What rules share that keep the newest of the moments they choose: `num_kept` of them, or all."""

    monitors: tuple[str, ...] = ()
    every_steps: tuple[int, ...] = ()

    def __init__(self, reason: str, num_kept: int | None) -> None:
        self._reason = reason
        self._num_kept = num_kept
        self._kept: list[Moment] = []

    def observe(self, moment: Moment, _scores: Mapping[str, float], _goal_of: GoalOf) -> tuple[str, ...]:
        """Its reason, where it chooses that moment."""
        if not self._chooses(moment):
            return ()
        if self._num_kept is not None:
            self._kept = [*self._kept, moment][-self._num_kept :]
        return (self._reason,)

    def keeps(self, moment: Moment) -> bool:
        """Whether it chose that moment, and not too many since."""
        return self._chooses(moment) if self._num_kept is None else moment in self._kept

    def state_dict(self) -> dict[str, Any]:
        """The moments that it keeps; none where it keeps all."""
        return {"kept": [asdict(each) for each in self._kept]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self._kept = [Moment(**each) for each in state["kept"]]

    def _chooses(self, moment: Moment) -> bool:
        return moment.batch is None


@register("checkpointing", "last_epoch")
class LastEpoch(_Newest):
    """Keeps the checkpoint of the last epoch alone."""

    def __init__(self) -> None:
        super().__init__("last", 1)


@register("checkpointing", "every_epoch")
class EveryEpoch(_Newest):
    """Keeps a checkpoint of each epoch."""

    def __init__(self) -> None:
        super().__init__("every", None)


@register("checkpointing", "every")
class Every(_Newest):
    """Keeps a checkpoint every so many epochs, or every so many steps of the optimizer.

    Args:
        epochs: After how many epochs one is saved, at the end of an epoch.
        steps: After how many steps one is saved, within an epoch.
        keep: How many of them are kept, the newest; all where not given.

    Raises:
        BuildError: both or neither of `epochs` and `steps` are given.
    """

    def __init__(
        self, epochs: PositiveInt | None = None, steps: PositiveInt | None = None, keep: PositiveInt | None = None
    ) -> None:
        if (epochs is None) == (steps is None):
            raise BuildError("checkpointing every takes either epochs or steps", code="MG421", hint="name one of them")
        super().__init__("every", keep)
        self._epochs = epochs
        self._steps = steps
        self.every_steps = (steps,) if steps else ()

    def _chooses(self, moment: Moment) -> bool:
        if self._steps is not None:
            return moment.batch is not None and moment.step % self._steps == 0
        return moment.batch is None and self._epochs is not None and (moment.epoch + 1) % self._epochs == 0


@register("checkpointing", "best")
class Best:
    """Keeps the checkpoints of the epochs with the best scores, of equal ones the earlier.

    An epoch whose score is no finite number is never kept.

    Args:
        monitor: The score to watch, such as val/f1.
        k: How many are kept.
        goal: Whether more is better; that of the metric where not given.
    """

    every_steps: tuple[int, ...] = ()

    def __init__(self, monitor: str, k: PositiveInt = 1, goal: Goal | None = None) -> None:
        self.monitors = (monitor,)
        self._monitor = monitor
        self._k = k
        self._goal = goal
        self._ranking: list[tuple[float, Moment]] = []

    def observe(self, moment: Moment, scores: Mapping[str, float], goal_of: GoalOf) -> tuple[str, ...]:
        """`best:<monitor>`, where the epoch is among the best so far."""
        if moment.batch is not None or not math.isfinite(score := scores[self._monitor]):
            return ()
        sign = -1 if (self._goal or goal_of(self._monitor)) == "max" else 1
        ranking = sorted([*self._ranking, (score, moment)], key=lambda each: sign * each[0])
        self._ranking = ranking[: self._k]
        return (f"best:{self._monitor}",) if self.keeps(moment) else ()

    def keeps(self, moment: Moment) -> bool:
        """Whether it is among the best so far."""
        return any(each == moment for _, each in self._ranking)

    def state_dict(self) -> dict[str, Any]:
        """The best scores and their moments."""
        return {"ranking": [[score, asdict(moment)] for score, moment in self._ranking]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self._ranking = [(score, Moment(**moment)) for score, moment in state["ranking"]]


@register("checkpointing", "combined")
class Combined:
    """Keeps what any of several rules keeps.

    Args:
        rules: The rules, each as it would stand alone.
    """

    def __init__(self, rules: Annotated[list[Checkpointing], Nested("checkpointing")]) -> None:
        self._rules = rules
        self.monitors = tuple(monitor for rule in rules for monitor in rule.monitors)
        self.every_steps = tuple(steps for rule in rules for steps in rule.every_steps)

    def observe(self, moment: Moment, scores: Mapping[str, float], goal_of: GoalOf) -> tuple[str, ...]:
        """The reasons of all rules."""
        reasons = [reason for rule in self._rules for reason in rule.observe(moment, scores, goal_of)]
        return tuple(dict.fromkeys(reasons))

    def keeps(self, moment: Moment) -> bool:
        """Whether any rule keeps it."""
        return any(rule.keeps(moment) for rule in self._rules)

    def state_dict(self) -> dict[str, Any]:
        """What each rule has seen."""
        return {"rules": [rule.state_dict() for rule in self._rules]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        for rule, each in zip(self._rules, state["rules"], strict=True):
            rule.load_state_dict(each)


@register("checkpointing", "none")
class NoCheckpoints(_Newest):
    """Saves nothing: where such an experiment is broken off, it begins anew."""

    def __init__(self) -> None:
        super().__init__("", None)

    def _chooses(self, _moment: Moment) -> bool:
        return False


default_registry.set_default("checkpointing", "last_epoch")
