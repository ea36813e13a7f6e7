"""Which checkpoints the loop leaves, what is told of them, and that training goes on from any."""

import hashlib
import math
import shutil
from types import SimpleNamespace

import pytest

from mlgym_core.checkpoints.answers import Answer
from mlgym_core.checkpoints.local import LocalCheckpoints
from mlgym_core.checkpoints.protocols import Moment
from mlgym_core.events.folder import EventStorage
from mlgym_core.events.types import CheckpointDeleted, CheckpointSaved, EvaluationResult
from mlgym_core.training import checkpoint_keeper, removals

from .memory import RUN_ID, known_of


def test_a_checkpoint_is_complete_when_it_is_told_of_and_the_one_before_goes(train_config, iris) -> None:
    trained = train_config(iris)

    saved, deleted = trained.published.of(CheckpointSaved), trained.published.of(CheckpointDeleted)
    assert [each.epoch for each in saved] == [0, 1, 2]
    assert [each.epoch for each in deleted] == [0, 1]
    assert trained.epochs() == [2]
    assert saved[-1].kept_as == ["last"]
    assert saved[-1].step == 3 * math.ceil(84 / 8)
    assert [each.name for each in saved[-1].resources] == [
        "model.safetensors",
        "optimizer.safetensors",
        "stateful_components.json",
    ]
    for resource in saved[-1].resources:
        content = trained.checkpoints.load(3, Moment(epoch=2, step=saved[-1].step), resource.name)
        assert resource.size_bytes == len(content)
        assert resource.sha256 == hashlib.sha256(content).hexdigest()
    assert saved[-1].weights_sha256 == hashlib.sha256(trained.weights()).hexdigest()
    assert deleted[-1].weights_sha256 == saved[1].weights_sha256


@pytest.mark.parametrize(("wait_s", "alone"), [(0.0, [0, 1]), (3600.0, [1])])
def test_what_goes_waits_a_moment_for_what_is_saved_instead_of_it(
    train_config, iris, monkeypatch: pytest.MonkeyPatch, wait_s: float, alone: list[int]
) -> None:
    deleted: list[int] = []
    delete = LocalCheckpoints.delete

    def note(checkpoints: LocalCheckpoints, experiment_id: int, moment: Moment) -> Answer[None]:
        deleted.append(moment.epoch)
        return delete(checkpoints, experiment_id, moment)

    monkeypatch.setattr(LocalCheckpoints, "delete", note)
    monkeypatch.setattr(removals, "_WAIT_S", wait_s)
    monkeypatch.setattr(checkpoint_keeper, "_LOOK_S", 0.0)
    trained = train_config(iris)

    assert deleted == alone
    assert trained.epochs() == [2]


@pytest.mark.parametrize(("free", "left"), [(10**9, [0, 1, 2]), (10**3, [2])])
def test_what_is_carried_elsewhere_is_left_to_who_does_that_while_there_is_room(
    train_config, iris, tmp_path, monkeypatch: pytest.MonkeyPatch, free: int, left: list[int]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    trained = train_config(iris, storage=EventStorage(tmp_path).outbox.run(RUN_ID))

    assert [each.epoch for each in trained.published.of(CheckpointDeleted)] == [0, 1]
    assert trained.epochs() == left


def test_every_epoch_can_be_kept(train_config, iris) -> None:
    iris["checkpointing"] = "every_epoch"
    trained = train_config(iris)

    assert trained.epochs() == [0, 1, 2]
    assert trained.published.of(CheckpointDeleted) == []


def test_none_need_be_kept(train_config, iris) -> None:
    iris["checkpointing"] = "none"
    trained = train_config(iris)

    assert trained.epochs() == []
    assert trained.published.of(CheckpointSaved) == []


@pytest.mark.parametrize("last", [0, 1, 2, 3])
def test_training_goes_on_from_any_of_them_to_the_same_bits(train_config, iris, last: int) -> None:
    iris["run"]["epochs"] = 5
    iris["lr_scheduler"] = {"use": "cosine_annealing", "T_max": 5, "interval": "step"}
    iris["early_stopping"] = {"use": "no_improvement", "monitor": "val/f1", "window": 2}
    whole = train_config(iris)
    asked = iter([False] * last + [True])
    broken = train_config(iris, should_stop=lambda: next(asked))

    resumed = train_config(iris, storage=broken.run, known=known_of(broken.published))

    assert broken.outcome.epochs_done == last + 1
    assert resumed.weights() == whole.weights()
    assert resumed.outcome == whole.outcome
    assert resumed.epochs() == whole.epochs()
    assert broken.published.of(EvaluationResult) + resumed.published.of(EvaluationResult) == whole.published.of(
        EvaluationResult
    )
    assert broken.published.of(CheckpointSaved) + resumed.published.of(CheckpointSaved) == whole.published.of(
        CheckpointSaved
    )
