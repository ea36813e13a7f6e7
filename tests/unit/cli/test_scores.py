"""Which score stands for an experiment, and which experiment is best."""

from typing import Any

from mlgym_core.cli.scores import best_experiment, headline
from mlgym_core.events.projections.run_state import ExperimentState, ScoreAt


def experiment(
    number: int = 0, *, monitor: str | None = None, goal: str = "max", **best: float | None
) -> ExperimentState:
    config: dict[str, Any] = {"metrics": [{"use": "f1", "name": "f1", "goal": goal}]}
    if monitor:
        config["early_stopping"] = {"use": "no_improvement", "monitor": monitor}
    scores = {name.replace("_", "/"): ScoreAt(value=value, epoch=1) for name, value in best.items()}
    return ExperimentState(experiment_id=number, config=config, best=scores)


def name_of(state: ExperimentState) -> str | None:
    found = headline(state)
    return found.name if found else None


def test_what_early_stopping_watches_goes_first() -> None:
    assert name_of(experiment(monitor="val/loss", val_f1=0.5, val_loss=0.1)) == "val/loss"


def test_else_a_metric_on_validation_data_goes_before_losses_and_other_splits() -> None:
    assert name_of(experiment(train_f1=0.9, test_f1=0.7, val_loss=0.1, val_f1=0.5)) == "val/f1"
    assert name_of(experiment(train_f1=0.9, test_f1=0.7, val_loss=0.1)) == "test/f1"


def test_else_there_is_a_loss_or_nothing() -> None:
    assert name_of(experiment(train_loss=0.2, val_loss=0.1)) == "val/loss"
    assert headline(experiment()) is None


def test_a_score_that_never_was_a_number_says_nothing() -> None:
    assert name_of(experiment(val_f1=None, val_loss=0.1)) == "val/loss"


def test_the_best_experiment_has_the_highest_metric_or_the_lowest_one() -> None:
    found = best_experiment([experiment(0, val_f1=0.5), experiment(1, val_f1=0.7), experiment(2)])
    assert found is not None
    assert found[0].experiment_id == 1

    found = best_experiment([experiment(0, goal="min", val_f1=0.5), experiment(1, goal="min", val_f1=0.7)])
    assert found is not None
    assert found[0].experiment_id == 0


def test_of_losses_the_lowest_is_best() -> None:
    found = best_experiment([experiment(0, val_loss=0.5), experiment(1, val_loss=0.2)])
    assert found is not None
    assert found[0].experiment_id == 1


def test_nothing_is_best_of_nothing() -> None:
    assert best_experiment([experiment(0)]) is None


def several(number: int, **best: float) -> ExperimentState:
    scores = {f"val/{name}": ScoreAt(value=value, epoch=1) for name, value in best.items()}
    config = {"metrics": [{"use": "recall_at", "goal": "max"}], "loss": {"use": "lp", "name": "recall_at_last"}}
    return ExperimentState(experiment_id=number, config=config, best=scores)


def test_a_metric_with_several_scores_is_shown_by_its_first() -> None:
    assert name_of(several(0, recall_at_2=0.5, recall_at_3=0.7)) == "val/recall_at_2"


def test_each_of_several_scores_gets_better_as_its_metric_does() -> None:
    found = best_experiment([several(0, recall_at_2=0.5), several(1, recall_at_2=0.7)])
    assert found is not None
    assert found[0].experiment_id == 1

    found = best_experiment([several(0, recall_at_last=0.5), several(1, recall_at_last=0.7)])
    assert found is not None
    assert found[0].experiment_id == 0
