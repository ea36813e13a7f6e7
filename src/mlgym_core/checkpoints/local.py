"""Checkpoints as folders of the run's own folder.

Owns where they lie: one of an epoch's end where clients of version 1 look for it, one from within an epoch apart. That
each appears and goes as a whole is up to `folders.py`.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlgym_core.checkpoints.answers import Answer
from mlgym_core.checkpoints.contents import Frozen
from mlgym_core.checkpoints.fitting import CUT_SHORT
from mlgym_core.checkpoints.folders import Folder, Folders, LocalFolders
from mlgym_core.checkpoints.position import STATEFUL_COMPONENTS, load_position
from mlgym_core.checkpoints.protocols import Moment
from mlgym_core.errors import StoreError
from mlgym_core.events.checkpoint_files import describe_file
from mlgym_core.events.codes import NOT_FOUND
from mlgym_core.events.durability import Durability
from mlgym_core.events.files import read_file
from mlgym_core.events.folder import RunFolder, file_names, find_file
from mlgym_core.events.names import check_name
from mlgym_core.events.types import Resource

_NUM_TO_LEAVE_ROOM_FOR = 10
"""A server may be away for long: what waits for it must not keep training from saving where it is now."""


class LocalCheckpoints:
    """The checkpoints in the folder of one run; `synced` ones survive a power cut, some a second later."""

    def __init__(self, run: RunFolder, durability: Durability = "synced", folders: Folders | None = None) -> None:
        self._run = run
        self._durability: Durability = durability
        self._folders = folders or LocalFolders()

    def save(
        self,
        experiment_id: int,
        moment: Moment,
        files: Mapping[str, Frozen],
        instead_of: Sequence[Moment] = (),
        *,
        may_wait: bool = False,
    ) -> Answer[list[Resource]]:
        """What was stored; see `Checkpoints.save`."""
        named = {check_name(name, "resource"): files[name] for name in sorted(files)}
        path, *others = (self._path(experiment_id, each) for each in (moment, *instead_of))
        return _Stored(self._folders.save(path, named, self._durability, others, may_wait=may_wait))

    def load(self, experiment_id: int, moment: Moment, resource: str) -> bytes:
        """The bytes of a file; see `Checkpoints.load`."""
        folder = self._path(experiment_id, moment)
        path = find_file(folder, check_name(resource, "resource"))
        if path is None:
            raise StoreError(
                f"run {self._run.run_id}, experiment {experiment_id} has no {resource!r} of {moment}",
                code=NOT_FOUND,
                hint=f"this checkpoint has: {', '.join(names)}" if (names := file_names(folder)) else None,
            )
        return read_file(path)

    def describe(self, experiment_id: int, moment: Moment) -> list[Resource]:
        """What is stored of a checkpoint; see `Checkpoints.describe`."""
        folder = self._path(experiment_id, moment)
        return [describe_file(folder / name) for name in file_names(folder)]

    def waits(self, size_bytes: int) -> bool:
        """Whether who carries the run removes it; see `Checkpoints.waits`."""
        return self._run.is_staged and shutil.disk_usage(self._run.path).free > _NUM_TO_LEAVE_ROOM_FOR * size_bytes

    def delete(self, experiment_id: int, moment: Moment) -> Answer[None]:
        """Remove a checkpoint; see `Checkpoints.delete`."""
        return self._folders.remove(self._path(experiment_id, moment))

    def flush(self) -> Answer[None]:
        """See `Checkpoints.flush`."""
        return self._folders.flush()

    def saved_at(self, experiment_id: int, moment: Moment) -> float | None:
        """When a checkpoint was saved; see `Checkpoints.saved_at`."""
        try:
            return self._path(experiment_id, moment).stat().st_mtime
        except FileNotFoundError:
            return None

    def moments(self, experiment_id: int) -> list[Moment]:
        """The moments of those that say which they are of, in order; see `Checkpoints.moments`."""
        run = self._run
        folders = [
            *(run.checkpoint_path(experiment_id, epoch) for epoch in run.checkpoint_epochs(experiment_id)),
            *(run.step_path(experiment_id, step) for step in run.checkpoint_steps(experiment_id)),
        ]
        paths = [folder / STATEFUL_COMPONENTS for folder in folders]
        found = (_moment_of(path) for path in paths if path.exists())
        return sorted((each for each in found if each is not None), key=lambda each: each.order)

    def clear(self, experiment_id: int) -> None:
        """Remove what was left of checkpoints that were broken off; see `Checkpoints.clear`."""
        folder = self._run.experiment_path(experiment_id)
        for left in [*folder.glob(".*.*/"), *folder.glob("steps/.*.*/")]:
            shutil.rmtree(left, ignore_errors=True)

    def _path(self, experiment_id: int, moment: Moment) -> Path:
        if moment.batch is None:
            return self._run.checkpoint_path(experiment_id, moment.epoch)
        return self._run.step_path(experiment_id, moment.step)


class _Stored:
    """A folder that was written, as what a checkpoint's fact says of it."""

    def __init__(self, folder: Answer[Folder]) -> None:
        self._folder = folder
        self.done = folder.done

    def result(self) -> list[Resource]:
        written = self._folder.result().items()
        return [Resource(name=name, size_bytes=each.size_bytes, sha256=each.sha256) for name, each in written]


def _moment_of(path: Path) -> Moment | None:
    try:
        return load_position(read_file(path))[0]
    except StoreError as error:
        if error.code != CUT_SHORT:
            raise
        return None
