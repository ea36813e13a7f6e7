"""Small files and folders: read, replaced and removed as a whole, with errors that say where and why.

Owns what an error of the operating system becomes. It must not know what lies where.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlgym_core.errors import StoreError
from mlgym_core.events.codes import DISK_FULL, NOT_FOUND, NOT_READABLE, NOT_WRITABLE
from mlgym_core.events.durability import SYNCS, Durability

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns an error of the operating system into one that says which folder could not be written, and why."""
    try:
        yield
    except OSError as error:
        where = error.filename or path
        raise StoreError(
            f"cannot write {where}: {error.strerror}",
            code=DISK_FULL if error.errno in _FULL else NOT_WRITABLE,
            hint="name a folder that can be written with --event_storage_path, or make room on the disk",
        ) from error


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns an error of the operating system into one that says what could not be read, and why."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"cannot read {error.filename or path}: {error.strerror}",
            code=NOT_READABLE,
            hint="see who may read it, and whether the disk is sound",
        ) from error


def write_atomically(path: Path, content: bytes | str) -> None:
    """Replaces the file as a whole, making its folder where there is none: a reader sees the old or the new bytes.

    Raises:
        StoreError: it cannot be written.
    """
    with replacing(path) as beside:
        beside.write_bytes(content.encode() if isinstance(content, str) else content)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write a file at, which is renamed to `path` once it is whole, and removed where that fails.

    Raises:
        StoreError: it cannot be written.
    """
    beside = hidden_beside(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield beside
            beside.replace(path)
        except OSError:
            beside.unlink(missing_ok=True)
            raise


def sync_folder(path: Path, durability: Durability) -> None:
    """Makes the names of a folder as safe as is asked for. Raises OSError."""
    fd = os.open(path, os.O_RDONLY)
    try:
        SYNCS[durability](fd)
    finally:
        os.close(fd)


def sync_files(path: Path) -> None:
    """Makes the files of a folder and their names survive a power cut. Raises OSError."""
    for each in path.iterdir():
        fd = os.open(each, os.O_RDONLY)
        try:
            SYNCS["synced"](fd)
        finally:
            os.close(fd)
    sync_folder(path, "synced")


def remove_folder(path: Path) -> None:
    """Takes a folder out of sight in one step, then empties it; nothing happens where there is none.

    Raises:
        StoreError: it cannot be removed.
    """
    hidden = hidden_beside(path)
    with writing(path):
        try:
            path.rename(hidden)
        except FileNotFoundError:
            return
        try:
            # Most hold a few files and nothing else: shutil.rmtree takes several times as long for them.
            for each in hidden.iterdir():
                each.unlink()
            hidden.rmdir()
        except (IsADirectoryError, PermissionError):
            shutil.rmtree(hidden)


def hidden_beside(path: Path) -> Path:
    """A new name in the same folder, which no list of what is stored shows."""
    return path.with_name(f".{path.name}.{os.urandom(16).hex()}")


def read_file(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        StoreError: there is none, or it cannot be read.
    """
    with reading(path):
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise StoreError(f"there is no {path.name} in {path.parent}", code=NOT_FOUND) from error
