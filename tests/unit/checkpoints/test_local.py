from pathlib import Path

import pytest

from mlgym_core.checkpoints import folders
from mlgym_core.checkpoints.contents import Ready
from mlgym_core.checkpoints.local import LocalCheckpoints
from mlgym_core.checkpoints.protocols import Moment
from mlgym_core.errors import StoreError
from mlgym_core.events.folder import EventStorage, RunFolder

FILES = {"model.safetensors": Ready(b"m"), "optimizer.safetensors": Ready(b"o")}
EPOCH, WITHIN = Moment(epoch=1, step=8), Moment(epoch=1, step=6, batch=2)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return EventStorage(tmp_path).run("2026-01-02--03-04-05")


def test_the_files_lie_in_the_folder_of_the_epoch_or_step_and_nothing_beside_it(run: RunFolder) -> None:
    checkpoints = LocalCheckpoints(run)
    for moment in (Moment(epoch=0, step=4), WITHIN, EPOCH, EPOCH):
        checkpoints.save(4, moment, FILES).result()
    checkpoints.delete(4, Moment(epoch=0, step=4)).result()

    assert sorted(str(each.relative_to(run.path)) for each in run.path.rglob("*")) == [
        "4",
        "4/1",
        "4/1/model.safetensors",
        "4/1/optimizer.safetensors",
        "4/steps",
        "4/steps/6",
        "4/steps/6/model.safetensors",
        "4/steps/6/optimizer.safetensors",
    ]
    assert run.checkpoint_epochs(4) == [1]
    assert run.checkpoint_steps(4) == [6]


@pytest.mark.parametrize("moment", [EPOCH, WITHIN])
def test_a_checkpoint_that_is_broken_off_is_absent(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, moment: Moment
) -> None:
    num_written = 0
    sync = folders.SYNCS["synced"]

    def fail_at_second(fd: int) -> None:
        nonlocal num_written
        num_written += 1
        if num_written == 2:
            raise OSError(28, "No space left on device")
        sync(fd)

    monkeypatch.setattr(folders, "SYNCS", {"synced": fail_at_second})

    with pytest.raises(StoreError, match=r"cannot write .*: No space left on device"):
        LocalCheckpoints(run).save(0, moment, FILES).result()

    assert run.checkpoint_epochs(0) == run.checkpoint_steps(0) == []
    assert [each for each in run.path.rglob("*") if each.is_file()] == []


def test_what_a_killed_process_left_behind_is_cleared(run: RunFolder) -> None:
    for folder in ("0/.1.4f", "0/steps/.9.ab"):
        (run.path / folder).mkdir(parents=True)
        (run.path / folder / "model.safetensors").write_bytes(b"m")

    LocalCheckpoints(run).clear(0)

    assert sorted(str(each.relative_to(run.path)) for each in run.path.rglob("*")) == ["0", "0/steps"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "run").touch()

    with pytest.raises(StoreError, match="cannot write"):
        LocalCheckpoints(RunFolder(tmp_path / "run")).save(0, EPOCH, FILES).result()
