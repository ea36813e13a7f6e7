"""What a run says about where it ran: machine, versions, the state of the code.

Pure look-ups; knows nothing of runs. What cannot be found out is left out or null, never guessed.
"""

from __future__ import annotations

import functools
import importlib.metadata
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PACKAGES = ("mlgym-core", "torch", "numpy", "scikit-learn", "scipy", "safetensors")
"""The packages whose version may shape results."""
_GIT_SECONDS = 5


@functools.cache
def versions() -> dict[str, str]:
    """The versions of Python and of those of `PACKAGES` that are installed; nothing is imported."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


@functools.cache
def machine() -> dict[str, Any]:
    """Host, operating system and processors."""
    return {
        "host": socket.gethostname(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "num_cpus": os.cpu_count(),
        "ram_bytes": _ram_bytes(),
    }


def environment() -> dict[str, Any]:
    """Machine and versions together, as `run_started` tells them."""
    return {**machine(), "versions": versions(), "executable": sys.executable}


def git_state(folder: Path) -> dict[str, Any] | None:
    """Commit, branch and whether files differ from it, of the repository around `folder`; None where there is none."""
    head = _git(folder, "rev-parse", "HEAD", "--abbrev-ref", "HEAD")
    if head is None or len(head.split()) != 2:
        return None
    commit, branch = head.split()
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "branch": branch, "dirty": None if changes is None else bool(changes.strip())}


def _git(folder: Path, *arguments: str) -> str | None:
    command: Sequence[str] = ("git", "-C", str(folder), *arguments)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _ram_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None
