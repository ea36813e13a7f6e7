"""Runs that are deleted: they say so in their log, wait in the trash of their storage, and go for good by age.

Owns the folder `.trash` and its record, `.trash/log.jsonl`. It must not know who may delete what.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from mlgym_core.errors import StoreError
from mlgym_core.events.codec import encode_event
from mlgym_core.events.codes import DAMAGED, EXISTS, NOT_FOUND
from mlgym_core.events.files import remove_folder, writing
from mlgym_core.events.folder import EventStorage, RunFolder
from mlgym_core.events.lock import WriterLock
from mlgym_core.events.log import LogWriter
from mlgym_core.events.merge import Merger
from mlgym_core.events.names import check_name
from mlgym_core.events.types import RunTrashed

KEPT_DAYS = 30.0
"""How long a run waits in the trash."""
_DAY_S = 86_400
_RECORD = "log.jsonl"


class TrashRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a run, as one line of the record; `at` in seconds since the epoch.

    `folder` is its name in the trash, `origin` where it lay, both relative to the storage's own folders.
    """

    action: Literal["trashed", "restored", "emptied"]
    run_id: str
    folder: str
    origin: str
    by: str
    at: float


_Record: TypeAlias = Callable[[TrashRecord], None]


def trash_run(storage: EventStorage, run_id: str, by: str) -> TrashRecord:
    """Appends `run_trashed` to the log of a run, also one that waits to be sent, and moves it to the trash.

    A log that is damaged cannot be told; its run goes all the same.

    Raises:
        StoreError: there is no such run, another process writes it, or the disk takes no more.
    """
    run = _find(storage, run_id)
    _tell(run, by)
    # Held until it is away: nobody may begin to write it meanwhile.
    lock = WriterLock(run)
    try:
        with _recording(storage) as record:
            origin = run.path.relative_to(storage.path).as_posix()
            return _move_away(storage, run, record, origin, by)
    finally:
        lock.release()


def list_trash(storage: EventStorage) -> list[TrashRecord]:
    """How each run that is in the trash came there, the newest first."""
    found = {each.folder: each for each in _read_record(storage) if each.action == "trashed"}
    records = [found.get(name) or _unrecorded(storage, name) for name in _folders(storage)]
    return sorted(records, key=lambda each: each.at, reverse=True)


def restore_run(storage: EventStorage, run_id: str, by: str) -> RunFolder:
    """The folder of a run that was trashed last under this id, back where it lay.

    Raises:
        StoreError: it is not in the trash, or another run has taken its place.
    """
    with _recording(storage) as record:
        trashed = next((each for each in list_trash(storage) if each.run_id == run_id), None)
        if trashed is None:
            raise StoreError(
                f"run {run_id!r:.200} is not in the trash of {storage.path}",
                code=NOT_FOUND,
                hint="`mlgym trash` lists what is",
            )
        run = RunFolder(storage.path / trashed.origin)
        if run.path.exists():
            raise StoreError(
                f"there is a run {run_id} in {storage.path} again", code=EXISTS, hint="rename its folder first"
            )
        with writing(run.path):
            run.path.parent.mkdir(parents=True, exist_ok=True)
            record(msgspec.structs.replace(trashed, action="restored", by=by, at=time.time()))
            (_trash(storage) / trashed.folder).rename(run.path)
        return run


def empty_trash(storage: EventStorage, older_than_days: float, by: str) -> list[TrashRecord]:
    """Removes for good what was trashed longer ago, and returns what that was; each is recorded first.

    Raises:
        StoreError: it cannot be removed.
    """
    if not _trash(storage).is_dir():
        return []
    with _recording(storage) as record:
        _remove_leftovers(storage)
        now = time.time()
        old = [each for each in list_trash(storage) if each.at <= now - older_than_days * _DAY_S]
        emptied = [msgspec.structs.replace(each, action="emptied", by=by, at=now) for each in old]
        for each in emptied:
            record(each)
            remove_folder(_trash(storage) / each.folder)
        return emptied


def _trash(storage: EventStorage) -> Path:
    return storage.path / ".trash"


def _find(storage: EventStorage, run_id: str) -> RunFolder:
    check_name(run_id, "run id")
    for run in (storage.run(run_id), storage.outbox.run(run_id)):
        if run.path.is_dir():
            return run
    raise StoreError(f"there is no run {run_id!r} in {storage.path}", code=NOT_FOUND, hint="`mlgym runs` lists them")


def _tell(run: RunFolder, by: str) -> None:
    try:
        writer = LogWriter(run)
    except StoreError as error:
        if error.code == DAMAGED:
            return
        raise
    with closing(writer):
        # What cannot be carried on goes along in its spool.
        with suppress(StoreError):
            Merger(writer, run).merge_rest()
        event = encode_event(RunTrashed(grid_search_id=run.run_id, by=by))
        writer.append(uuid.uuid4().hex, 1, [event])
        writer.commit()


def _move_away(storage: EventStorage, run: RunFolder, record: _Record, origin: str, by: str) -> TrashRecord:
    trash = _trash(storage)
    names = (f"{run.run_id}.{number}" if number else run.run_id for number in range(len(_folders(storage)) + 1))
    name = next(name for name in names if not (trash / name).exists())
    trashed = TrashRecord(action="trashed", run_id=run.run_id, folder=name, origin=origin, by=by, at=time.time())
    record(trashed)
    with writing(run.path):
        run.path.rename(trash / name)
    return trashed


@contextmanager
def _recording(storage: EventStorage) -> Iterator[_Record]:
    """What adds to the record, which no other process changes meanwhile, and with it nothing in the trash."""
    path = _trash(storage) / _RECORD
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        with writing(path):
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield lambda entry: _append(path, fd, entry)
    finally:
        os.close(fd)


def _append(path: Path, fd: int, entry: TrashRecord) -> None:
    line = msgspec.json.encode(entry) + b"\n"
    with writing(path):
        before = os.fstat(fd).st_size
        if os.write(fd, line) < len(line):
            os.ftruncate(fd, before)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(fd)


def _read_record(storage: EventStorage) -> Iterator[TrashRecord]:
    try:
        lines = (_trash(storage) / _RECORD).read_bytes().splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        # The folders themselves say what is there.
        with suppress(msgspec.DecodeError):
            yield msgspec.json.decode(line, type=TrashRecord)


def _unrecorded(storage: EventStorage, name: str) -> TrashRecord:
    at = (_trash(storage) / name).stat().st_mtime
    return TrashRecord(action="trashed", run_id=name, folder=name, origin=name, by="", at=at)


def _folders(storage: EventStorage) -> list[str]:
    try:
        entries = list(os.scandir(_trash(storage)))
    except FileNotFoundError:
        return []
    return [each.name for each in entries if each.is_dir() and not each.name.startswith(".")]


def _remove_leftovers(storage: EventStorage) -> None:
    """Goes on where emptying was interrupted: what it had begun to remove is hidden already."""
    for each in list(os.scandir(_trash(storage))):
        if each.name.startswith(".") and each.is_dir():
            remove_folder(Path(each.path))
