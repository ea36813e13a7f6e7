"""The process that writes checkpoints, and what becomes of them where one of the two is killed."""

from __future__ import annotations

import logging
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from mlgym_core.checkpoints import folder_process
from mlgym_core.checkpoints.contents import Ready
from mlgym_core.checkpoints.folder_process import FolderProcess
from mlgym_core.errors import StoreError

PATIENCE_S = 60
SMALL, LARGE = Ready(b"small"), Ready(bytes(5_000_000))


@pytest.fixture
def folders() -> Iterator[FolderProcess]:
    with FolderProcess() as folders:
        yield folders


def its_process(folders: FolderProcess, tmp_path: Path) -> psutil.Process:
    """The process, which is there from the first request on."""
    folders.remove(tmp_path / "nothing").result()
    (process,) = (each for each in psutil.Process().children() if "folder_process" in " ".join(each.cmdline()))
    return process


def names_in(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def wait_for_end(process: psutil.Process) -> None:
    until = time.monotonic() + PATIENCE_S
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize("file", [SMALL, LARGE])
def test_what_a_killed_process_did_not_do_is_done_here_and_another_does_the_next(
    folders: FolderProcess, tmp_path: Path, caplog: pytest.LogCaptureFixture, file: Ready
) -> None:
    process = its_process(folders, tmp_path)
    process.send_signal(signal.SIGSTOP)
    first = folders.save(tmp_path / "a", {"model": file}, "synced")
    second = folders.save(tmp_path / "b", {"model": file}, "synced")
    third = folders.save(tmp_path / "c", {"model": file}, "synced", [tmp_path / "a"])
    removed = folders.remove(tmp_path / "c")
    assert not first.done()

    process.kill()

    assert first.result() == second.result() == third.result()
    removed.result()
    assert [str(each.relative_to(tmp_path)) for each in sorted(tmp_path.rglob("*"))] == ["b", "b/model"]
    assert (tmp_path / "b/model").read_bytes() == file()
    assert [each.levelno for each in caplog.records] == [logging.WARNING]
    assert its_process(folders, tmp_path).pid != process.pid


def save_in_group(folders: FolderProcess, path: Path, instead_of: Sequence[Path] = ()) -> None:
    folders.save(path, {"model": SMALL}, "synced", instead_of, may_wait=True).result()


def test_what_it_held_back_goes_when_it_is_killed_or_closed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with FolderProcess() as folders:
        process = its_process(folders, tmp_path)
        save_in_group(folders, tmp_path / "a")
        save_in_group(folders, tmp_path / "b")
        save_in_group(folders, tmp_path / "c", [tmp_path / "a"])
        assert names_in(tmp_path) == ["a", "b", "c"]
        process.kill()
        wait_for_end(process)

        save_in_group(folders, tmp_path / "d", [tmp_path / "b"])
        assert names_in(tmp_path) == ["c", "d"]

        save_in_group(folders, tmp_path / "e")
        save_in_group(folders, tmp_path / "f", [tmp_path / "e"])
        save_in_group(folders, tmp_path / "g", [tmp_path / "f", tmp_path / "d"])
    assert names_in(tmp_path) == ["c", "g"]
    assert len(caplog.records) == 1


def test_what_cannot_be_written_is_told_and_the_next_is_written(folders: FolderProcess, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    answers = [
        folders.save(tmp_path / "file/a", {"model": LARGE, "optimizer": SMALL}, "synced"),
        folders.save(tmp_path / "b", {"model/c": LARGE, "optimizer": SMALL}, "synced"),
        folders.save(tmp_path / "b", {"model": SMALL}, "synced"),
    ]

    for each in answers[:2]:
        with pytest.raises(StoreError, match="cannot write"):
            each.result()
    assert answers[2].result()["model"].size_bytes == len(SMALL)
    assert names_in(tmp_path) == ["b", "file"]


def test_what_a_file_is_made_of_may_fail(folders: FolderProcess, tmp_path: Path) -> None:
    def fail() -> bytes:
        raise ValueError("no such state")

    with pytest.raises(ValueError, match="no such state"):
        folders.save(tmp_path / "a", {"model": fail}, "synced").result()

    assert folders.save(tmp_path / "a", {"model": SMALL}, "written").result()["model"].size_bytes == len(SMALL)


def test_a_request_that_is_broken_off_does_not_spoil_the_next(
    folders: FolderProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders.save(tmp_path / "a", {"model": SMALL}, "synced").result()
    removed = folders.remove(tmp_path / "a")

    def interrupt(connection: socket.socket, parts: Sequence[bytes]) -> None:
        connection.sendall(parts[0][:10])
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(folder_process, "_send", interrupt)
        with pytest.raises(KeyboardInterrupt):
            folders.save(tmp_path / "b", {"model": SMALL}, "synced")

    assert folders.save(tmp_path / "c", {"model": SMALL}, "synced").result()["model"].size_bytes == len(SMALL)
    removed.result()
    assert names_in(tmp_path) == ["c"]


def test_an_interrupt_from_the_terminal_does_not_end_it(
    folders: FolderProcess, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    process = its_process(folders, tmp_path)

    process.send_signal(signal.SIGINT)

    folders.save(tmp_path / "a", {"model": SMALL}, "synced").result()
    assert its_process(folders, tmp_path).pid == process.pid
    assert caplog.records == []


def test_it_ends_when_it_is_closed(tmp_path: Path) -> None:
    with FolderProcess() as folders:
        process = its_process(folders, tmp_path)
        answer = folders.save(tmp_path / "a", {"model": LARGE}, "synced")

    assert answer.done()
    assert not process.is_running()


KILLED = """
import os, signal, sys
from pathlib import Path
from mlgym_core.checkpoints import folder_process
from mlgym_core.checkpoints.contents import Ready
from mlgym_core.checkpoints.folder_process import FolderProcess

folders = FolderProcess()
folders.save(Path(sys.argv[1]) / "a", {"model": Ready(b"small")}, "synced").result()
print(folders._process.pid, flush=True)
folders._process.send_signal(signal.SIGSTOP)
folders.save(Path(sys.argv[1]) / "b", {"model": Ready(bytes(int(sys.argv[2])))}, "synced")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("size_bytes", "stored"), [(10, ["a", "b"]), (5_000_000, ["a"])])
def test_where_training_is_killed_it_completes_what_it_has_in_full_and_ends(
    tmp_path: Path, size_bytes: int, stored: list[str]
) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path), str(size_bytes)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as killed:
        assert killed.stdout is not None
        process = psutil.Process(int(killed.stdout.readline()))
        assert killed.wait(PATIENCE_S) == -signal.SIGKILL

    process.send_signal(signal.SIGCONT)

    wait_for_end(process)
    assert names_in(tmp_path) == stored
