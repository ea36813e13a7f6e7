import json

import pytest

from mlgym_core.components.early_stopping import LastKEpochsImprovement, NoImprovement

NAN = float("nan")


def stops(strategy, scores: list[float], goal="max") -> list[int]:
    """The epochs, counted from 1, after which the strategy says stop."""
    return [epoch for epoch, score in enumerate(scores, 1) if strategy.observe(score, goal)]


def test_the_last_k_epochs_stop_where_none_improves_on_the_one_before() -> None:
    strategy = LastKEpochsImprovement("val/f1", window=3, min_rel=0.01, increasing=True)

    assert stops(strategy, [0.5, 0.6, 0.6, 0.6, 0.7, 0.7, 0.7]) == [4, 7]


def test_the_last_k_epochs_take_their_direction_from_the_score_unless_told() -> None:
    falling = [0.9, 0.8, 0.7, 0.6]

    assert stops(LastKEpochsImprovement("val/loss", window=2, min_rel=0.01), falling, "min") == []
    assert stops(LastKEpochsImprovement("val/loss", window=2, min_rel=0.01), falling, "max") == [2, 3, 4]
    assert stops(LastKEpochsImprovement("val/loss", window=2, min_rel=0.01, increasing=False), falling, "max") == []


def test_an_improvement_below_the_least_relative_one_does_not_count() -> None:
    assert stops(LastKEpochsImprovement("val/f1", window=2, min_rel=0.1), [1.0, 1.05, 1.2, 1.25]) == [2, 4]
    assert stops(LastKEpochsImprovement("val/f1", window=2, min_rel=0.0), [1.0, 1.0]) == [2]


def test_negative_scores_improve_upwards_too() -> None:
    assert stops(LastKEpochsImprovement("val/r2", window=2, min_rel=0.01), [-1.0, -0.5, -0.6]) == [3]


def test_no_improvement_stops_after_a_window_without_a_better_best() -> None:
    strategy = NoImprovement("val/f1", window=3, min_delta=0.01)

    assert stops(strategy, [0.5, 0.505, 0.4, 0.505, 0.6, 0.6, 0.6, 0.6]) == [4, 8]


@pytest.mark.parametrize(("goal", "given"), [("min", None), ("max", "min")])
def test_no_improvement_goes_the_way_of_the_score_unless_told(goal, given) -> None:
    assert stops(NoImprovement("val/loss", window=1, goal=given), [0.9, 0.8, 0.85], goal) == [3]


def test_what_is_not_a_number_is_never_an_improvement() -> None:
    assert stops(NoImprovement("val/loss", window=2), [NAN, NAN, 0.5], "min") == [2]
    assert stops(LastKEpochsImprovement("val/loss", window=2, min_rel=0.01), [1.0, NAN, 0.5], "min") == [2, 3]


@pytest.mark.parametrize(
    "make",
    [lambda: NoImprovement("val/f1", window=2), lambda: LastKEpochsImprovement("val/f1", window=3, min_rel=0.01)],
)
@pytest.mark.parametrize("break_after", range(1, 6))
def test_it_goes_on_from_its_state(make, break_after: int) -> None:
    scores = [0.5, 0.6, 0.6, 0.6, 0.7, 0.7, 0.7]
    whole = stops(make(), scores)
    before, after = make(), make()
    stops(before, scores[:break_after])

    after.load_state_dict(json.loads(json.dumps(before.state_dict())))

    assert [each + break_after for each in stops(after, scores[break_after:])] == [e for e in whole if e > break_after]
