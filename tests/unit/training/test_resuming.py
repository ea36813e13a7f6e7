"""Training that is broken off anywhere and gone on with is training that was never broken off."""

from __future__ import annotations

import threading
import time
from concurrent.futures import wait
from typing import Any

import pytest

from mlgym_core.checkpoints.answers import Answer
from mlgym_core.checkpoints.protocols import Moment
from mlgym_core.config.settings import ResumePoints
from mlgym_core.errors import StoreError
from mlgym_core.events.checkpoint_files import describe_file
from mlgym_core.events.files import write_atomically
from mlgym_core.events.types import (
    CheckpointSaved,
    Divergence,
    EvaluationResult,
    Resource,
)

from .memory import EXPERIMENT_ID
from .stories import EACH_STEP, NEVER, BreakingCheckpoints, Countdown

COMBINED = {
    "use": "combined",
    "rules": ["last_epoch", {"use": "best", "monitor": "val/f1", "k": 2}, {"use": "every", "steps": 2, "keep": 2}],
}


@pytest.fixture
def small(iris) -> dict[str, Any]:
    """Epochs of four batches, the last of them smaller; dropout is active, classes are weighted."""
    iris["loaders"] |= {"batch_size": 24, "sampling": {"train": "weighted"}}
    return iris


BY_STEP = {"lr_scheduler": {"use": "cosine_annealing", "T_max": 12, "interval": "step"}}
BY_SCORE = {
    "lr_scheduler": {"use": "reduce_lr_on_plateau", "monitor": "val/f1", "patience": 0, "factor": 0.5},
    "early_stopping": {"use": "no_improvement", "monitor": "val/f1", "window": 2, "goal": "min"},
    "checkpointing": COMBINED,
}


@pytest.mark.parametrize("where", ["batches", "facts", "files"])
@pytest.mark.parametrize(
    ("features", "points"),
    [(BY_STEP, NEVER), (BY_SCORE, ResumePoints(steps=3, seconds=0))],
    ids=["last epoch", "combined, resume points"],
)
def test_wherever_it_is_broken_off_facts_weights_and_files_are_the_same(
    begin, small, features: dict[str, Any], points: ResumePoints, where: str
) -> None:
    small |= features
    whole, countdown = begin(small, points), Countdown()
    assert whole.attempt(**{where: countdown}) is not None
    assert countdown.num_asked > 4

    for at in range(1, countdown.num_asked + 1):
        story = begin(small, points)
        assert story.attempt(**{where: Countdown(at)}) is None
        assert story.attempt() is not None
        assert story.facts == whole.facts, at
        assert story.weights == whole.weights, at
        assert story.stored == whole.stored, at


def test_an_attempt_may_be_broken_off_again_and_again(begin, small) -> None:
    small |= BY_SCORE
    whole = begin(small)
    whole.attempt()

    story = begin(small, EACH_STEP)
    num_attempts = 1
    while story.attempt(batches=Countdown(2)) is None:
        num_attempts += 1

    assert num_attempts == 12
    assert story.facts == whole.facts
    assert story.weights == whole.weights


def test_with_no_checkpoints_it_begins_anew_and_tells_nothing_twice(begin, small) -> None:
    small["checkpointing"] = "none"
    whole, story = begin(small), begin(small, ResumePoints())
    whole.attempt()

    story.attempt(batches=Countdown(7))
    story.attempt()

    assert story.resumed_from is None
    assert story.facts == whole.facts
    assert story.weights == whole.weights
    assert story.stored == []


def test_what_was_left_of_a_first_checkpoint_is_gone_where_it_begins_anew(begin, small) -> None:
    story = begin(small)
    half = story.run.step_path(EXPERIMENT_ID, 2).with_name(".2.0123")
    write_atomically(half / "model.safetensors", b"half")
    story.attempt()

    assert story.resumed_from is None
    assert not half.exists()


class TestResumePoints:
    def test_they_are_of_the_batch_last_done_and_the_newest_alone_is_there(self, begin, small) -> None:
        story = begin(small, ResumePoints(steps=2, seconds=0))
        story.attempt(batches=Countdown(8))

        assert [each for each in story.stored if "model" in each] == [
            f"{EXPERIMENT_ID}/0/model.safetensors",
            f"{EXPERIMENT_ID}/steps/6/model.safetensors",
        ]
        story.attempt()
        assert story.resumed_from == Moment(epoch=1, step=6, batch=2)
        assert [each for each in story.stored if "model" in each] == [f"{EXPERIMENT_ID}/2/model.safetensors"]

    def test_they_are_made_by_time_too(self, begin, small) -> None:
        story = begin(small, ResumePoints(seconds=1e-9))
        story.attempt(batches=Countdown(8))
        story.attempt()

        assert story.resumed_from == Moment(epoch=1, step=7, batch=3)

    def test_where_a_batch_takes_no_step_the_one_before_stays(self, begin, small) -> None:
        story = begin(small, ResumePoints(seconds=1e-9))
        last_batch = Countdown(7)

        def take_no_step_at_the_sixth() -> None:
            last_batch()
            if last_batch.num_asked >= 6:
                story.trainer.step -= 1

        story.attempt(batches=take_no_step_at_the_sixth)
        story.attempt()

        assert story.resumed_from == Moment(epoch=1, step=5, batch=1)

    def test_a_rule_that_does_not_keep_the_last_epoch_loses_no_more_than_one(self, begin, small) -> None:
        small["run"]["epochs"] = 4
        small["checkpointing"] = {"use": "best", "monitor": "val/f1", "goal": "min"}
        small["optimizer"]["lr"] = 0.0
        story = begin(small, ResumePoints())
        story.attempt(batches=Countdown(15))
        assert [each.epoch for each in story.facts if isinstance(each, CheckpointSaved)] == [0]

        story.attempt()

        assert story.resumed_from == Moment(epoch=3, step=12, batch=0)
        assert {each.split("/")[1] for each in story.stored} == {"0"}

    def test_a_request_to_stop_leaves_one(self, begin, small) -> None:
        small["checkpointing"] = {"use": "every", "epochs": 3}
        whole, story = begin(small), begin(small, ResumePoints())
        whole.attempt()

        story.attempt(should_stop=lambda: True)
        story.attempt()

        assert story.resumed_from == Moment(epoch=1, step=4, batch=0)
        assert story.facts == whole.facts
        assert story.stored == whole.stored


class TestEnds:
    @pytest.mark.parametrize("points", [NEVER, EACH_STEP])
    def test_what_had_given_up_ends_at_once(self, begin, small, points: ResumePoints) -> None:
        small["run"]["epochs"] = 9
        small["early_stopping"] = {"use": "no_improvement", "monitor": "val/f1", "window": 2}
        small["optimizer"]["lr"] = 0.0
        story = begin(small, points)
        outcome = story.attempt()
        facts = story.facts

        assert story.attempt(batches=Countdown(1)) == outcome
        assert (outcome.reason, outcome.epochs_done) == ("early_stopping", 3)
        assert story.facts == facts

    def test_what_has_done_its_epochs_ends_at_once(self, begin, small) -> None:
        story = begin(small)
        outcome = story.attempt()

        assert story.attempt(batches=Countdown(1)) == outcome

    def test_more_epochs_extend_it_to_the_bits_of_a_longer_one(self, begin, small) -> None:
        story = begin(small)
        story.attempt()
        small["run"]["epochs"] = 5
        longer = begin(small)
        longer.attempt()

        assert story.attempt().epochs_done == 5
        assert story.facts == longer.facts
        assert story.weights == longer.weights


class TestDifferences:
    def test_other_scores_than_before_are_a_divergence(self, begin, small, registry) -> None:
        @registry.register("metric", "counting", goal="max")
        class Counting:
            calls = 0

            def __call__(self, _outputs) -> float:
                Counting.calls += 1
                return Counting.calls

        small["metrics"] = ["counting"]
        small["checkpointing"] = "none"
        story = begin(small)
        story.attempt(batches=Countdown(5))
        first = [each for each in story.facts if isinstance(each, EvaluationResult)]

        story.attempt(batches=Countdown(5))

        told = [each for each in story.facts if isinstance(each, Divergence)]
        assert [each.key for each in told] == [f"evaluation_result/0/{split}" for split in ("train", "val", "test")]
        assert told[0].stored["metric_scores"][0]["score"] == first[0].metric_scores[0].score
        assert told[0].repeated["metric_scores"][0]["score"] != first[0].metric_scores[0].score
        assert [each for each in story.facts if isinstance(each, EvaluationResult)] == first

    def test_other_circumstances_are_named(self, begin, small, caplog) -> None:
        story = begin(small)
        story.attempt(batches=Countdown(5))
        path = story.run.path / f"{EXPERIMENT_ID}/0/stateful_components.json"
        path.write_bytes(path.read_bytes().replace(b'"threads":1', b'"threads":8'))
        [saved] = story.told.of(CheckpointSaved)
        saved.resources[-1] = describe_file(path)

        story.attempt()

        assert "threads 8 then, 1 now" in caplog.text

    def test_a_file_that_was_changed_is_named(self, begin, small) -> None:
        story = begin(small)
        story.attempt(batches=Countdown(5))
        path = story.run.path / f"{EXPERIMENT_ID}/0/model.safetensors"
        path.write_bytes(path.read_bytes()[:-1])

        with pytest.raises(StoreError, match=r"model\.safetensors of the checkpoint of epoch 0 is not as it was saved"):
            story.attempt()

    def test_another_architecture_names_the_first_tensor(self, begin, small) -> None:
        story = begin(small)
        story.attempt(batches=Countdown(5))
        small["model"]["sizes"] = [4, 9, 3]

        with pytest.raises(StoreError, match=r"float32 \[8, 4\], and in this model float32 \[9, 4\]"):
            story.attempt()


class TestWriting:
    def test_training_goes_on_while_a_checkpoint_is_written_and_facts_wait_for_it(self, begin, small) -> None:
        batch_came = threading.Event()
        waited: list[bool] = []
        story = begin(small)

        def look_whether_training_goes_on() -> None:
            if not waited:
                waited.append(batch_came.wait(60))

        def note_a_batch_of_the_next_epoch() -> None:
            if [each for each in story.facts if isinstance(each, EvaluationResult)]:
                batch_came.set()

        story.attempt(files=look_whether_training_goes_on, batches=note_a_batch_of_the_next_epoch)

        assert waited == [True]
        assert [type(each).__name__ for each in story.facts[:5]] == [
            *["EvaluationResult"] * 3,
            "CheckpointSaved",
            "EvaluationResult",
        ]

    def test_a_checkpoint_that_is_complete_is_told_of_while_the_epoch_goes_on(self, begin, small, monkeypatch) -> None:
        story = begin(small)
        saves: list[Answer[list[Resource]]] = []
        told: list[int] = []
        save = BreakingCheckpoints.save

        def save_and_remember(*arguments: Any, **options: Any) -> Answer[list[Resource]]:
            saves.append(save(*arguments, **options))
            return saves[-1]

        def note_what_is_told() -> None:
            if saves:  # in the second epoch
                wait(saves[:1], 60)
                time.sleep(0.1)  # many times what the loop waits before it looks
                told.append(sum(isinstance(each, CheckpointSaved) for each in story.facts))

        monkeypatch.setattr(BreakingCheckpoints, "save", save_and_remember)
        story.attempt(batches=note_what_is_told)

        assert told[:2] == [0, 1]

    @pytest.mark.parametrize("at", [1, 2, 3])
    def test_what_the_writing_failed_with_ends_training(self, begin, small, at: int) -> None:
        story = begin(small)
        saves = Countdown(at)

        assert story.attempt(files=saves) is None
        assert story.attempt() is not None
