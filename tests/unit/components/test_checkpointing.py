import json
from collections.abc import Mapping, Sequence
from math import inf, nan

import pytest

from mlgym_core.checkpoints.protocols import Moment
from mlgym_core.components.checkpointing import (
    Best,
    Checkpointing,
    Combined,
    Every,
    EveryEpoch,
    LastEpoch,
    NoCheckpoints,
)
from mlgym_core.errors import BuildError

STEPS_PER_EPOCH = 4


def end_of(epoch: int) -> Moment:
    return Moment(epoch=epoch, step=(epoch + 1) * STEPS_PER_EPOCH)


def after_step(step: int) -> Moment:
    return Moment(epoch=(step - 1) // STEPS_PER_EPOCH, step=step, batch=(step - 1) % STEPS_PER_EPOCH + 1)


class History:
    """What a rule keeps as training goes on, its state carried through JSON at each moment."""

    def __init__(self, make, goal: str = "max") -> None:
        self._make = make
        self._goal = goal
        self._state: str | None = None
        self.kept: dict[Moment, tuple[str, ...]] = {}

    def go(self, moment: Moment, scores: Mapping[str, float]) -> None:
        rule: Checkpointing = self._make()
        if self._state is not None:
            rule.load_state_dict(json.loads(self._state))
        if reasons := rule.observe(moment, scores, lambda _: self._goal):
            self.kept[moment] = reasons
        self.kept = {each: why for each, why in self.kept.items() if rule.keeps(each)}
        self._state = json.dumps(rule.state_dict())

    def epochs(self, scores: Sequence[float]) -> dict[int, tuple[str, ...]]:
        for epoch, score in enumerate(scores):
            for step in range(epoch * STEPS_PER_EPOCH + 1, (epoch + 1) * STEPS_PER_EPOCH + 1):
                if any(step % each == 0 for each in self._make().every_steps):
                    self.go(after_step(step), {})
            self.go(end_of(epoch), {"val/f1": score})
        return {each.epoch: why for each, why in self.kept.items() if each.batch is None}

    def steps(self) -> list[int]:
        return [each.step for each in self.kept if each.batch is not None]


def test_the_last_epoch_alone_is_kept() -> None:
    assert History(LastEpoch).epochs([0.1, 0.2, 0.3]) == {2: ("last",)}


def test_every_epoch_is_kept() -> None:
    assert History(EveryEpoch).epochs([0.1, 0.2]) == {0: ("every",), 1: ("every",)}


def test_nothing_is_kept() -> None:
    assert History(NoCheckpoints).epochs([0.1, 0.2]) == {}


@pytest.mark.parametrize(
    ("arguments", "epochs"), [({"epochs": 2}, [1, 3, 5]), ({"epochs": 2, "keep": 2}, [3, 5]), ({"epochs": 7}, [])]
)
def test_every_so_many_epochs_are_kept(arguments: dict[str, int], epochs: list[int]) -> None:
    assert list(History(lambda: Every(**arguments)).epochs([0.0] * 6)) == epochs


@pytest.mark.parametrize(
    ("arguments", "steps"), [({"steps": 3}, [3, 6, 9, 12]), ({"steps": 3, "keep": 2}, [9, 12]), ({"steps": 13}, [])]
)
def test_every_so_many_steps_are_kept(arguments: dict[str, int], steps: list[int]) -> None:
    history = History(lambda: Every(**arguments))

    assert history.epochs([0.0] * 3) == {}
    assert history.steps() == steps


@pytest.mark.parametrize("arguments", [{}, {"epochs": 1, "steps": 1}])
def test_every_needs_one_of_epochs_and_steps(arguments: dict[str, int]) -> None:
    with pytest.raises(BuildError, match="either epochs or steps"):
        Every(**arguments)


@pytest.mark.parametrize(
    ("goal", "scores", "k", "epochs"),
    [
        ("max", [0.1, 0.3, 0.2], 1, [1]),
        ("min", [0.1, 0.3, 0.2], 1, [0]),
        ("max", [0.1, 0.3, 0.2, 0.4], 2, [1, 3]),
        ("max", [0.3, 0.3, 0.3], 1, [0]),
        ("max", [0.3, 0.2, 0.3, 0.3], 2, [0, 2]),
        ("max", [nan, inf, 0.1, -inf], 2, [2]),
        ("min", [-inf, nan], 1, []),
        ("max", [0.1], 3, [0]),
    ],
)
def test_the_best_are_kept_and_of_equal_ones_the_earlier(goal: str, scores, k: int, epochs: list[int]) -> None:
    kept = History(lambda: Best("val/f1", k=k), goal).epochs(scores)

    assert list(kept) == epochs
    assert set(kept.values()) <= {("best:val/f1",)}


def test_a_goal_that_is_given_goes_before_that_of_the_metric() -> None:
    assert list(History(lambda: Best("val/f1", goal="min"), "max").epochs([0.3, 0.1, 0.2])) == [1]


def test_what_any_of_several_rules_keeps_is_kept_for_all_their_reasons() -> None:
    history = History(lambda: Combined([Combined([LastEpoch(), Best("val/f1")]), Every(steps=5, keep=1)]))

    assert history.epochs([0.1, 0.4, 0.2]) == {1: ("last", "best:val/f1"), 2: ("last",)}
    assert history.steps() == [10]
    combined = Combined([Combined([LastEpoch(), Best("val/f1")]), Every(steps=5), Every(steps=2)])
    assert combined.monitors == ("val/f1",)
    assert combined.every_steps == (5, 2)


def test_a_rule_that_is_asked_within_an_epoch_because_of_another_keeps_what_it_had() -> None:
    history = History(lambda: Combined([LastEpoch(), Every(steps=3, keep=1)]))
    history.epochs([0.1])
    history.go(after_step(6), {})

    assert history.kept == {end_of(0): ("last",), after_step(6): ("every",)}
