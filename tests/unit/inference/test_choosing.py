"""Which checkpoint is meant, and what is said where it was not kept."""

from __future__ import annotations

import pytest

from mlgym_core.errors import RunError
from mlgym_core.events.projections.run_state import CheckpointState, ExperimentState, ScoreAt
from mlgym_core.inference.choosing import choose_checkpoint


def kept(epoch: int, *kept_as: str, batch: int | None = None) -> CheckpointState:
    return CheckpointState(
        epoch=epoch, step=0, batch=batch, kept_as=list(kept_as), weights_sha256="", resources=[], saved_at=0
    )


def choose(*checkpoints: CheckpointState, best: str | None = None, epoch: int | None = None) -> CheckpointState:
    scores = {"val/f1": {0: 0.5, 1: 0.9, 2: 0.9, 3: 0.7}}
    experiment = ExperimentState(
        experiment_id=2, checkpoints=list(checkpoints), best={"val/f1": ScoreAt(value=0.9, epoch=1)}
    )
    return choose_checkpoint(experiment, scores, best=best, epoch=epoch)


def test_the_newest_is_meant_where_nothing_is_said() -> None:
    assert choose(kept(0), kept(1), kept(2, batch=3)).batch == 3


def test_the_best_of_several_equal_ones_is_any_that_was_kept() -> None:
    assert choose(kept(1), kept(3), best="val/f1").epoch == 1
    assert choose(kept(2), kept(3), best="val/f1").epoch == 2


def test_a_best_that_was_not_kept_is_an_error_that_says_what_would_keep_it() -> None:
    with pytest.raises(RunError) as caught:
        choose(kept(1, "every", batch=3), kept(3, "last", "every"), best="val/f1")
    assert caught.value.code == "MG132"
    assert str(caught.value) == (
        "MG132 the best val/f1 of experiment 2 is that of epoch 1, whose checkpoint was not kept\n"
        "  kept: epoch 1, batch 3 (every), epoch 3 (last, every); "
        "`checkpointing: {use: best, monitor: val/f1}` would keep it"
    )


def test_an_epoch_means_its_end() -> None:
    assert choose(kept(1, batch=3), kept(1), kept(2), epoch=1).batch is None
    with pytest.raises(RunError, match="no checkpoint of the end of epoch 1") as caught:
        choose(kept(1, "every", batch=3), epoch=1)
    assert caught.value.code == "MG132"


def test_an_experiment_without_checkpoints_is_an_error() -> None:
    with pytest.raises(RunError, match=r"experiment 2 has no checkpoint\n  kept: none; .*last_epoch"):
        choose()


def test_a_score_that_is_not_there_is_an_error() -> None:
    with pytest.raises(RunError, match="no score 'val/f2'; did you mean 'val/f1'") as caught:
        choose(kept(1), best="val/f2")
    assert caught.value.code == "MG131"


def test_one_of_both_is_named() -> None:
    with pytest.raises(RunError) as caught:
        choose(kept(1), best="val/f1", epoch=1)
    assert caught.value.code == "MG131"
