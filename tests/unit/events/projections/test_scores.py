"""Which way scores get better."""

from mlgym_core.events.projections.scores import is_to_lower, metric_goals

GOALS = metric_goals(
    {
        "metrics": [
            {"use": "f1", "name": "quality", "goal": "max"},
            {"use": "ece", "goal": "min"},
            {"use": "recall", "goal": "max"},
            {"use": "recall_at", "goal": "min"},
        ]
    }
)


def test_a_metric_is_known_by_its_name_or_by_what_it_uses() -> None:
    assert GOALS == {"quality": "max", "ece": "min", "recall": "max", "recall_at": "min"}


def test_each_of_several_scores_gets_better_as_its_metric_does() -> None:
    assert is_to_lower("ece_0", GOALS)
    assert is_to_lower("recall_at_2", GOALS)
    assert not is_to_lower("recall_2", GOALS)
    assert not is_to_lower("quality", GOALS)


def test_what_nobody_knows_is_better_the_higher_it_is() -> None:
    assert not is_to_lower("f1_score", {})
