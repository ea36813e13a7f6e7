"""The state of the code that a run was started from, as git has it.

Pure look-ups, with bounds on time and size; knows nothing of runs. What cannot be found out is null, never guessed.
"""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path
from typing import Any

MAX_DIFF_BYTES = 256 * 2**10
"""How much of a diff is recorded."""
MAX_NAMES = 1000
"""How many untracked files are named."""
_SECONDS = 5
_MAX_NAMES_BYTES = 2**20


def git_state(folder: Path) -> dict[str, Any] | None:
    """Commit, branch and what differs from it, of the repository around `folder`; None where there is none.

    `diff` is that of all tracked files, cut after `MAX_DIFF_BYTES`; `untracked` are names below the repository's root.
    """
    head = _git(folder, "rev-parse", "HEAD", "--abbrev-ref", "HEAD", "--show-toplevel")
    lines = (head or b"").decode(errors="replace").splitlines()
    if len(lines) != 3:
        return None
    commit, branch, root = lines
    diff = _git(Path(root), "diff", "HEAD", "--no-color", "--no-ext-diff", "--no-textconv", limit=MAX_DIFF_BYTES + 1)
    names = _git(Path(root), "ls-files", "--others", "--exclude-standard", "-z", limit=_MAX_NAMES_BYTES)
    return {
        "commit": commit,
        "branch": branch,
        "dirty": None if diff is None else bool(diff),
        "diff": None if diff is None else diff[:MAX_DIFF_BYTES].decode(errors="replace"),
        "diff_truncated": diff is not None and len(diff) > MAX_DIFF_BYTES,
        "untracked": None if names is None else names.decode(errors="replace").split("\0")[:-1][:MAX_NAMES],
    }


def _git(folder: Path, *arguments: str, limit: int = _MAX_NAMES_BYTES) -> bytes | None:
    """What git prints, its first `limit` bytes; None where it fails, or takes too long."""
    command = ("git", "-C", str(folder), *arguments)
    try:
        git = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError:
        return None
    with git:
        assert git.stdout is not None
        too_late = threading.Timer(_SECONDS, git.kill)
        too_late.start()
        printed = git.stdout.read(limit)
        is_cut = len(printed) == limit
        if is_cut:
            git.kill()
        status = git.wait()
        too_late.cancel()
    return printed if is_cut or status == 0 else None
