"""Files of checkpoints against what the log tells: deleted after their event, and verified."""

import hashlib
import json
import threading
from contextlib import closing

import msgspec
import pytest

from mlgym_core.errors import StoreError
from mlgym_core.events import checkpoint_files
from mlgym_core.events.appending import append_facts
from mlgym_core.events.checkpoint_files import delete_checkpoints, verify_checkpoints
from mlgym_core.events.codec import encode_event
from mlgym_core.events.files import remove_folder
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.log import LogWriter
from mlgym_core.events.log_reader import LogReader
from mlgym_core.events.spool import Spool
from mlgym_core.events.types import CheckpointDeleted, CheckpointSaved, Resource

FILES = {"model.safetensors": b"weights", "optimizer.safetensors": b"moments"}


def saved(run: RunFolder, experiment_id: int, epoch: int, batch: int | None = None) -> CheckpointSaved:
    resources = [
        Resource(name=name, size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        for name, content in FILES.items()
    ]
    return CheckpointSaved(
        grid_search_id=run.run_id,
        experiment_id=experiment_id,
        epoch=epoch,
        step=10 * (epoch + 1) if batch is None else 10 * epoch + batch,
        batch=batch,
        resources=resources,
        weights_sha256=resources[0].sha256,
        kept_as=["last"],
    )


def write_files(run: RunFolder, experiment_id: int, epoch: int) -> None:
    for name, content in FILES.items():
        path = run.resource_path(experiment_id, epoch, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@pytest.fixture
def trained(run) -> RunFolder:
    """Experiment 0 with checkpoints of the epochs 0 and 1, experiment 1 with one."""
    for experiment_id, epoch in ((0, 0), (0, 1), (1, 0)):
        write_files(run, experiment_id, epoch)
        append_facts(run, [saved(run, experiment_id, epoch)])
    return run


@pytest.fixture
def within(trained) -> RunFolder:
    """The same with checkpoints from within epoch 1 of experiment 0: one that was told of, and a resume point."""
    for step in (13, 14):
        folder = trained.step_path(0, step)
        folder.mkdir(parents=True)
        for name, content in FILES.items():
            (folder / name).write_bytes(content)
    append_facts(trained, [saved(trained, 0, 1, batch=3)])
    return trained


def deletions(run: RunFolder) -> list[dict[str, object]]:
    events = [json.loads(line) for line in LogReader(run).poll()]
    return [each["payload"] for each in events if each["event_type"] == "checkpoint_deleted"]


def test_all_checkpoints_of_an_experiment_are_deleted_and_told(trained) -> None:
    assert delete_checkpoints(trained, 0) == [0, 1]

    assert trained.checkpoint_epochs(0) == []
    assert trained.checkpoint_epochs(1) == [0]
    assert [(each["experiment_id"], each["epoch"], each["step"]) for each in deletions(trained)] == [
        (0, 0, 10),
        (0, 1, 20),
    ]
    assert verify_checkpoints(trained).faults == []


def test_one_checkpoint_is_deleted(trained) -> None:
    assert delete_checkpoints(trained, 0, 1) == [1]

    assert trained.checkpoint_epochs(0) == [0]


def test_the_event_comes_before_the_first_file_goes(trained) -> None:
    with closing(LogWriter(trained)), pytest.raises(StoreError, match="MG404"):
        # Whoever writes the log does not take the fact up.
        delete_checkpoints(trained, 0, 0, patience_s=0.1)

    assert trained.resources(0, 0) == list(FILES)


@pytest.mark.parametrize(("experiment_id", "epoch"), [(0, 7), (5, None)])
def test_what_is_not_there_cannot_be_deleted(trained, experiment_id: int, epoch: int | None) -> None:
    with pytest.raises(StoreError, match="MG402"):
        delete_checkpoints(trained, experiment_id, epoch)

    assert deletions(trained) == []


def test_checkpoints_from_within_an_epoch_are_verified_and_a_resume_point_need_not_be_told(within) -> None:
    report = verify_checkpoints(within)
    assert (report.num_checkpoints, report.faults, report.untold) == (4, [], [])

    (within.step_path(0, 13) / "model.safetensors").unlink()

    assert [str(each) for each in verify_checkpoints(within).faults] == [
        "experiment 0, epoch 1, step 13, model.safetensors: it is missing"
    ]


def test_checkpoints_from_within_an_epoch_are_deleted_with_all_others_alone(within) -> None:
    assert delete_checkpoints(within, 0, 1) == [1]
    assert within.checkpoint_steps(0) == [13, 14]

    assert delete_checkpoints(within, 0) == [0, 1]

    assert [(each["epoch"], each["batch"]) for each in deletions(within)] == [(1, None), (0, None), (1, 3)]
    assert within.checkpoint_steps(0) == within.checkpoint_epochs(0) == []


def test_files_that_nobody_told_of_are_told_when_they_go(trained) -> None:
    write_files(trained, 3, 4)

    delete_checkpoints(trained, 3)

    [told] = deletions(trained)
    sha256 = hashlib.sha256(FILES["model.safetensors"]).hexdigest()
    assert (told["epoch"], told["step"], told["weights_sha256"]) == (4, -1, sha256)
    assert not trained.checkpoint_path(3, 4).exists()


def test_sound_checkpoints_have_no_faults(trained) -> None:
    report = verify_checkpoints(trained)

    assert (report.num_checkpoints, report.faults, report.untold) == (3, [], [])


def test_every_fault_is_told(trained) -> None:
    trained.resource_path(0, 0, "model.safetensors").unlink()
    trained.resource_path(0, 1, "model.safetensors").write_bytes(b"heavier weights")
    trained.resource_path(1, 0, "optimizer.safetensors").write_bytes(b"MOMENTS")

    assert [str(each) for each in verify_checkpoints(trained).faults] == [
        "experiment 0, epoch 0, model.safetensors: it is missing",
        "experiment 0, epoch 1, model.safetensors: it has 15 bytes, and had 7 when it was saved",
        "experiment 1, epoch 0, optimizer.safetensors: its SHA-256 is not the one that it had when it was saved",
    ]


def test_files_that_nobody_told_of_are_named_and_no_fault(trained) -> None:
    trained.resource_path(0, 0, "notes.txt").write_text("mine")

    report = verify_checkpoints(trained)

    assert (report.faults, report.untold) == ([], ["0/0/notes.txt"])


def test_a_name_that_leads_out_of_the_run_is_a_fault(trained) -> None:
    resource = Resource(name="../../../etc/passwd", size_bytes=1, sha256="00")
    append_facts(trained, [msgspec.structs.replace(saved(trained, 2, 0), resources=[resource])])

    [fault] = verify_checkpoints(trained).faults
    assert "is no resource" in fault.message


def test_a_checkpoint_saved_again_after_its_deletion_counts(trained) -> None:
    delete_checkpoints(trained, 0, 0)
    append_facts(trained, [saved(trained, 0, 0)])

    assert [fault.message for fault in verify_checkpoints(trained).faults] == ["it is missing"] * 2


def test_a_checkpoint_that_goes_while_it_is_verified_is_no_fault(trained, monkeypatch) -> None:
    monkeypatch.setattr(checkpoint_files, "_NUM_LOOKS", 600)
    deleted = CheckpointDeleted(
        **{name: getattr(saved(trained, 0, 0), name) for name in CheckpointDeleted.__struct_fields__}
    )
    for name in FILES:
        trained.resource_path(0, 0, name).unlink()
    with closing(LogWriter(trained)) as writer:
        reports = []
        verifying = threading.Thread(target=lambda: reports.append(verify_checkpoints(trained)))
        verifying.start()
        writer.append("late", 1, [encode_event(deleted)])
        writer.commit()
        verifying.join()

    assert reports[0].faults == []


def test_what_a_killed_process_told_of_as_deleted_is_not_missed(trained) -> None:
    with closing(LogWriter(trained)), closing(Spool(trained)) as spool:
        for epoch in (0, 1):
            spool.publish(CheckpointDeleted(**msgspec.structs.asdict(saved(trained, 0, epoch))))
    remove_folder(trained.checkpoint_path(0, 1))
    trained.resource_path(1, 0, "model.safetensors").unlink()

    report = verify_checkpoints(trained)

    assert [(each.experiment_id, each.epoch) for each in report.faults] == [(1, 0)]
    assert (report.untold, report.left) == ([], ["0/0/model.safetensors", "0/0/optimizer.safetensors"])
