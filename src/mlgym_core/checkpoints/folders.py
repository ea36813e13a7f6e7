"""Folders of files that appear and go as a whole, also where the power is cut.

Owns how that is done: a folder is written and emptied under a hidden name beside. It knows no checkpoint, and imports
nothing that takes long: `folder_process.py` runs it in a process of its own.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias

from mlgym_core.checkpoints.answers import Answer, do
from mlgym_core.checkpoints.contents import Content, Frozen
from mlgym_core.errors import StoreError
from mlgym_core.events.durability import SYNCS, Durability
from mlgym_core.events.files import hidden_beside, remove_folder, sync_folder, writing


class Written(NamedTuple):
    """What identifies a file that was written: its size and its SHA-256 in hexadecimal digits."""

    size_bytes: int
    sha256: str


Folder: TypeAlias = dict[str, Written]
"""The files of a folder by name."""


class Folders(Protocol):
    """Begins to write folders and to remove them, one after the other as they were asked for. Used by one thread."""

    def save(
        self,
        path: Path,
        files: Mapping[str, Frozen],
        durability: Durability,
        instead_of: Sequence[Path] = (),
        *,
        may_wait: bool = False,
    ) -> Answer[Folder]:
        """What was written, once the folder is there with all files; it takes the place of another.

        Those of `instead_of` are removed before: a disk takes both together for less than one after the other. One that
        `may_wait` need not be synced before a second later: a power cut may tear it then, but not what it is there
        instead of. The answer raises StoreError where it cannot be written; nothing of it is there then.
        """
        ...

    def remove(self, path: Path) -> Answer[None]:
        """Take a folder away; nothing happens where there is none. The answer raises StoreError where that fails."""
        ...

    def flush(self) -> Answer[None]:
        """Have all survive a power cut that was saved, and nothing there that was removed. Raises as `remove` does."""
        ...


class LocalFolders:
    """Does it in this process while the caller waits."""

    def save(
        self,
        path: Path,
        files: Mapping[str, Frozen],
        durability: Durability,
        instead_of: Sequence[Path] = (),
        *,
        may_wait: bool = False,  # noqa: ARG002  it is synced at once
    ) -> Answer[Folder]:
        """See `Folders.save`."""
        return do(lambda: save_parts(path, {name: [make()] for name, make in files.items()}, durability, instead_of))

    def remove(self, path: Path) -> Answer[None]:
        """See `Folders.remove`."""
        return do(lambda: remove_folder(path))

    def flush(self) -> Answer[None]:
        """See `Folders.flush`."""
        return do(lambda: None)  # nothing waits


def save_parts(
    path: Path, files: Mapping[str, Iterable[Content]], durability: Durability, instead_of: Sequence[Path] = ()
) -> Folder:
    """Writes a folder at once, of files that come part by part. Raises StoreError; see `Folders.save`."""
    for each in instead_of:
        remove_folder(each)
    beside = hidden_beside(path)
    with writing(path):
        beside.mkdir(parents=True)
        try:
            written = _write_files(beside, files, durability)
            sync_folder(beside, durability)
            if path.exists():
                remove_folder(path)
            beside.rename(path)
            sync_folder(path.parent, durability)
        except (OSError, StoreError, EOFError):  # the last where the parts end too early
            shutil.rmtree(beside, ignore_errors=True)
            raise
    return written


def _write_files(folder: Path, files: Mapping[str, Iterable[Content]], durability: Durability) -> Folder:
    written = {}
    with ExitStack() as opened:
        fds = []
        for name, parts in files.items():
            fd = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            opened.callback(os.close, fd)
            written[name] = _write(fd, parts)
            fds.append(fd)
        for fd in fds:  # once all are written: the disk takes them together
            SYNCS[durability](fd)
    return written


def _write(fd: int, parts: Iterable[Content]) -> Written:
    digest = hashlib.sha256()
    size_bytes = 0
    for part in parts:
        digest.update(part)
        size_bytes += len(part)
        rest = memoryview(part)
        while rest:
            rest = rest[os.write(fd, rest) :]
    return Written(size_bytes, digest.hexdigest())
