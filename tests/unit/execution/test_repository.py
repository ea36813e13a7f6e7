"""The state of the code that a run was started from."""

import subprocess
from pathlib import Path

import pytest

from mlgym_core.execution import repository as state_of_code
from mlgym_core.execution.repository import MAX_DIFF_BYTES, MAX_NAMES, git_state


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false")
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Git may take its time on a busy machine."""
    monkeypatch.setattr(state_of_code, "_SECONDS", 60)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--initial-branch", "main")
    (tmp_path / "file").write_text("one\n")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "--message", "first")
    return tmp_path


def test_a_folder_without_a_repository_has_no_state(tmp_path: Path) -> None:
    assert git_state(tmp_path) is None


def test_a_repository_without_a_commit_has_no_state(tmp_path: Path) -> None:
    git(tmp_path, "init", "--initial-branch", "main")

    assert git_state(tmp_path) is None


def test_the_state_of_committed_code_is_its_commit_and_branch(repository: Path) -> None:
    assert git_state(repository) == {
        "commit": git(repository, "rev-parse", "HEAD"),
        "branch": "main",
        "dirty": False,
        "diff": "",
        "diff_truncated": False,
        "untracked": [],
    }


def test_the_diff_is_what_makes_the_commit_the_code_that_ran(repository: Path, tmp_path: Path) -> None:
    (repository / "file").write_text("two\n")
    (repository / "new.py").write_text("x = 1")
    below = repository / "below"
    below.mkdir()
    state = git_state(below)

    assert state is not None
    assert (state["dirty"], state["diff_truncated"], state["untracked"]) == (True, False, ["new.py"])
    git(repository, "checkout", "file")
    subprocess.run(["git", "-C", str(repository), "apply"], input=state["diff"], text=True, check=True)
    assert (repository / "file").read_text() == "two\n"


def test_a_diff_is_cut_where_it_is_longer_than_an_event_should_be(repository: Path) -> None:
    (repository / "file").write_text("word\n" * MAX_DIFF_BYTES)
    state = git_state(repository)

    assert state is not None
    assert (len(state["diff"]), state["diff_truncated"], state["dirty"]) == (MAX_DIFF_BYTES, True, True)


def test_only_so_many_untracked_files_are_named(repository: Path) -> None:
    for number in range(MAX_NAMES + 5):
        (repository / f"{number:05}").touch()
    state = git_state(repository)

    assert state is not None
    assert len(state["untracked"]) == MAX_NAMES
