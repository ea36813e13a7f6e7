from pathlib import Path

import pytest

from mlgym_core.checkpoints.local import LocalCheckpoints
from mlgym_core.errors import StoreError
from mlgym_core.events.folder import EventStorage, RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return EventStorage(tmp_path).run("2026-01-02--03-04-05")


def test_the_files_lie_in_the_folder_of_the_epoch_and_nothing_beside_it(run: RunFolder) -> None:
    checkpoints = LocalCheckpoints(run)
    for epoch in (0, 1, 1):
        checkpoints.save(4, epoch, {"model.safetensors": b"m", "optimizer.safetensors": b"o"})
    checkpoints.delete(4, 0)

    assert sorted(str(each.relative_to(run.path)) for each in run.path.rglob("*")) == [
        "4",
        "4/1",
        "4/1/model.safetensors",
        "4/1/optimizer.safetensors",
    ]


def test_a_checkpoint_that_is_broken_off_is_absent(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints = LocalCheckpoints(run)
    written = []
    write = Path.write_bytes

    def fail_at_second(path: Path, content: bytes) -> int:
        written.append(path)
        if len(written) == 2:
            raise OSError(28, "No space left on device", str(path))
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", fail_at_second)

    with pytest.raises(StoreError, match=r"cannot write .*: No space left on device"):
        checkpoints.save(0, 0, {"model.safetensors": b"m", "optimizer.safetensors": b"o"})

    assert checkpoints.epochs(0) == []
    assert list((run.path / "0").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "run").touch()

    with pytest.raises(StoreError, match="cannot write"):
        LocalCheckpoints(RunFolder(tmp_path / "run")).save(0, 0, {"model.safetensors": b"m"})
