"""When the loop ends before its last epoch."""

import pytest

from mlgym_core.events.types import CheckpointSaved


def test_a_request_to_stop_is_obeyed_after_the_checkpoint_of_the_epoch(train_config, iris) -> None:
    iris["run"]["epochs"] = 10
    trained = train_config(iris, should_stop=lambda: True)

    assert trained.outcome.stopped
    assert trained.outcome.epochs_done == 1
    assert trained.epochs() == [0]
    assert isinstance(trained.published.payloads[-1], CheckpointSaved)


def test_a_request_after_the_last_epoch_comes_too_late(train_config, iris) -> None:
    asked = iter([False, False])

    assert train_config(iris, should_stop=lambda: next(asked)).outcome.reason == "finished"


def test_early_stopping_ends_training(train_config, iris) -> None:
    iris["run"]["epochs"] = 10
    iris["optimizer"]["lr"] = 0.0
    iris["early_stopping"] = {"use": "no_improvement", "monitor": "val/accuracy", "window": 2}
    trained = train_config(iris)

    assert (trained.outcome.reason, trained.outcome.epochs_done) == ("early_stopping", 3)
    assert not trained.outcome.stopped


@pytest.mark.parametrize(("goal", "epochs_done"), [("min", 3), ("max", 10)])
def test_early_stopping_knows_which_way_a_metric_gets_better(
    train_config, iris, registry, goal: str, epochs_done: int
) -> None:
    @registry.register("metric", "rising", goal=goal)
    class Rising:
        def __init__(self) -> None:
            self.calls = 0

        def __call__(self, outputs) -> float:
            self.calls += 1
            return self.calls

    iris["run"]["epochs"] = 10
    iris["metrics"] = ["rising"]
    iris["early_stopping"] = {"use": "no_improvement", "monitor": "val/rising", "window": 2}

    assert train_config(iris).outcome.epochs_done == epochs_done


def test_a_loss_gets_better_downwards(train_config, iris) -> None:
    iris["run"]["epochs"] = 4
    iris["optimizer"]["lr"] = 0.01
    iris["early_stopping"] = {"use": "no_improvement", "monitor": "train/cross_entropy", "window": 1}

    assert train_config(iris).outcome.reason == "finished"
