"""What a run says about where it ran."""

import platform
import subprocess
from pathlib import Path

from mlgym_core.execution.environment import environment, git_state, versions


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false")
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_versions_name_python_and_what_shapes_results() -> None:
    found = versions()

    assert found["python"] == platform.python_version()
    assert {"mlgym-core", "torch", "numpy", "scikit-learn"} <= found.keys()


def test_the_environment_tells_machine_and_versions() -> None:
    found = environment()

    assert found["versions"] == versions()
    assert found["num_cpus"] >= 1
    assert found["host"]


def test_a_folder_without_a_repository_has_no_state(tmp_path: Path) -> None:
    assert git_state(tmp_path) is None


def test_a_repository_without_a_commit_has_no_state(tmp_path: Path) -> None:
    git(tmp_path, "init", "--initial-branch", "main")

    assert git_state(tmp_path) is None


def test_the_state_is_commit_branch_and_whether_files_differ(tmp_path: Path) -> None:
    git(tmp_path, "init", "--initial-branch", "main")
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "--message", "first")
    commit = git(tmp_path, "rev-parse", "HEAD")

    assert git_state(tmp_path) == {"commit": commit, "branch": "main", "dirty": False}
    (tmp_path / "file").write_text("two")
    assert git_state(tmp_path) == {"commit": commit, "branch": "main", "dirty": True}
