import pickle

from mlgym_core.events.appending import append_facts
from mlgym_core.events.codec import encode_event
from mlgym_core.events.folder import EventStorage
from mlgym_core.events.projections.positions import Known, gather_known, read_known
from mlgym_core.events.types import (
    Checkpoint,
    CheckpointDeleted,
    CheckpointSaved,
    EvaluationResult,
    ExperimentStatus,
    LossScore,
    RunStarted,
)

RUN_ID = "2026-01-02--03-04-05"


def result(epoch: int, split: str, experiment_id: int = 0) -> EvaluationResult:
    return EvaluationResult(
        grid_search_id=RUN_ID,
        experiment_id=experiment_id,
        epoch=epoch,
        metric_scores=[],
        loss_scores=[LossScore(loss="mse", split=split, score=0.5)],
    )


def checkpoint(kind: type[Checkpoint], epoch: int, batch: int | None = None) -> Checkpoint:
    return kind(
        grid_search_id=RUN_ID,
        experiment_id=0,
        epoch=epoch,
        step=7,
        batch=batch,
        resources=[],
        weights_sha256="",
        kept_as=[],
    )


def test_a_log_tells_what_each_experiment_has(tmp_path, attempt_started) -> None:
    run = EventStorage(tmp_path).run(RUN_ID)
    results = [result(0, "train"), result(0, "val"), result(1, "train"), result(0, "val", experiment_id=2)]
    start = RunStarted(
        grid_search_id=RUN_ID, config_hash="", source={}, entry_command=[], num_experiments=3, environment={}
    )
    attempts = [attempt_started(0, 1, RUN_ID), attempt_started(0, 2, RUN_ID), attempt_started(2, 1, RUN_ID)]
    append_facts(run, [start, attempts[0], *results, *attempts[1:]])

    known = read_known(run)

    assert sorted(known) == [0, 2]
    assert known[0].results == {(0, "train"): results[0], (0, "val"): results[1], (1, "train"): results[2]}
    assert (known[0].attempt, known[2].attempt) == (2, 1)
    assert pickle.loads(pickle.dumps(known)) == known


def test_a_log_that_is_not_there_tells_of_none(tmp_path) -> None:
    assert read_known(EventStorage(tmp_path).run(RUN_ID)) == {}


def test_checkpoints_and_progress_are_known_by_where_they_stand() -> None:
    def progress(batch: int) -> ExperimentStatus:
        return ExperimentStatus(
            grid_search_id=RUN_ID,
            experiment_id=0,
            status="train",
            num_epochs=3,
            current_epoch=1,
            splits=["train"],
            current_split="train",
            num_batches=9,
            current_batch=batch,
        )

    saved = [checkpoint(CheckpointSaved, 0), checkpoint(CheckpointSaved, 0, batch=4)]
    known: dict[int, Known] = {}
    gather_known(map(encode_event, [*saved, checkpoint(CheckpointDeleted, 0), progress(7), progress(2)]), known)

    assert known[0].saved == {(0, 7, None): saved[0], (0, 7, 4): saved[1]}
    assert list(known[0].deleted) == [(0, 7, None)]
    assert known[0].progress == (1, False, 0, 7)


def test_a_checkpoint_that_no_attempt_deleted_may_be_saved_again(tmp_path, attempt_started) -> None:
    run = EventStorage(tmp_path).run(RUN_ID)
    saved = [checkpoint(CheckpointSaved, epoch) for epoch in range(3)]
    append_facts(run, [attempt_started(0, 1, RUN_ID), *saved, checkpoint(CheckpointDeleted, 0)])
    append_facts(run, [checkpoint(CheckpointDeleted, 1)])

    [known] = read_known(run).values()
    assert list(known.deleted) == [(0, 7, None)]
    assert list(known.saved.values()) == [saved[0], saved[2]]

    append_facts(run, [attempt_started(0, 2, RUN_ID), saved[1]])
    append_facts(run, [attempt_started(0, 3, RUN_ID), checkpoint(CheckpointDeleted, 1)])
    [known] = read_known(run).values()
    assert list(known.deleted) == [(0, 7, None), (1, 7, None)]
    assert list(known.saved) == [(0, 7, None), (2, 7, None), (1, 7, None)]
