"""Where everything of an event storage lies.

Owns every path inside a storage and the check of ids before they become one. It must not know what the files mean.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from mlgym_core.errors import StoreError
from mlgym_core.events.codes import BAD_NAME, NOT_FOUND
from mlgym_core.events.files import writing
from mlgym_core.events.names import check_name, check_number, is_name, is_number

GRID_SEARCH_CONFIG = "grid_search_config.yml"
RUN_CONFIG = "run_config.yml"
EXPERIMENT_CONFIG = "experiment_config.json"
SYSTEM_INFO = "system_info.json"

_OUTBOX = ".outbox"
_RUN_ID_FORMAT = "%Y-%m-%d--%H-%M-%S"
_SEGMENT = re.compile(r"(?P<producer>[^@]+)(@(?P<first_seq>[1-9][0-9]{0,17}))?\.jsonl")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of one run; `run_id` is checked, and the folder need not exist."""

    path: Path

    @property
    def run_id(self) -> str:
        """The run's id, which is the folder's name."""
        return self.path.name

    @property
    def is_staged(self) -> bool:
        """Whether it lies in an outbox: the run is kept on a server."""
        return self.path.parent.name == _OUTBOX

    @property
    def log_path(self) -> Path:
        """The log."""
        return self.path / "event_storage.log"

    @property
    def lock_path(self) -> Path:
        """The file whose lock is held by who writes the log."""
        return self.path / "writer.lock"

    @property
    def torn_path(self) -> Path:
        """Where recovery puts what a crash left unterminated."""
        return self.path / "torn.bak"

    @property
    def snapshots_path(self) -> Path:
        """The folder of what is kept to open the log faster; all of it may be thrown away at any time."""
        return self.path / "snapshots"

    @property
    def chain_path(self) -> Path:
        """The snapshot of where the log's chain ends."""
        return self.snapshots_path / "chain.json"

    @property
    def spools_path(self) -> Path:
        """The folder of the spools."""
        return self.path / "spool"

    def spool_path(self, producer: str, first_seq: int = 1) -> Path:
        """The segment of the spool of `producer` that begins with its event `first_seq`.

        Raises StoreError for what is no producer's name.
        """
        segment = "" if first_seq == 1 else f"@{first_seq}"
        return self.spools_path / f"{check_name(producer, 'producer')}{segment}.jsonl"

    def spools(self) -> dict[str, list[int]]:
        """The producers that have a spool, each with the first numbers of its segments, in order."""
        try:
            names = [each.name for each in os.scandir(self.spools_path)]
        except FileNotFoundError:
            return {}
        found: dict[str, list[int]] = {}
        for name in names:
            match = _SEGMENT.fullmatch(name)
            if match and is_name(match["producer"]):
                found.setdefault(match["producer"], []).append(int(match["first_seq"] or 1))
        return {producer: sorted(found[producer]) for producer in sorted(found)}

    def config_path(self, name: str) -> Path:
        """A YAML file of the run, `grid_search_config.yml` for example. Raises StoreError for another name."""
        return self.path / _check_ending(name, ".yml")

    def experiment_path(self, experiment_id: int | str) -> Path:
        """The folder of an experiment. Raises StoreError for what is no id."""
        return self.path / str(check_number(experiment_id, "experiment id"))

    def experiment_config_path(self, experiment_id: int | str, name: str = EXPERIMENT_CONFIG) -> Path:
        """A JSON file of an experiment, `system_info.json` for example. Raises StoreError for another name."""
        return self.experiment_path(experiment_id) / _check_ending(name, ".json")

    def checkpoint_path(self, experiment_id: int | str, epoch: int | str) -> Path:
        """The folder of a checkpoint. Raises StoreError for what is no epoch."""
        return self.experiment_path(experiment_id) / str(check_number(epoch, "epoch"))

    def step_path(self, experiment_id: int | str, step: int | str) -> Path:
        """The folder of a checkpoint from within an epoch, after `step`. Raises StoreError for what is no step."""
        return self._steps_path(experiment_id) / str(check_number(step, "step"))

    def resource_path(self, experiment_id: int | str, epoch: int | str, resource: str) -> Path:
        """Where a checkpoint's file of exactly this name lies. Raises StoreError for what is no name."""
        return self.checkpoint_path(experiment_id, epoch) / check_name(resource, "resource")

    def exists(self) -> bool:
        """Whether the run has a log or a spool."""
        return self.log_path.is_file() or self.spools_path.is_dir()

    def experiments(self) -> list[int]:
        """The ids that have a folder, in order."""
        return _numbered_folders(self.path)

    def checkpoint_epochs(self, experiment_id: int | str) -> list[int]:
        """The epochs that have a checkpoint, in order."""
        folder = self.experiment_path(experiment_id)
        return [epoch for epoch in _numbered_folders(folder) if self.resources(experiment_id, epoch)]

    def checkpoint_steps(self, experiment_id: int | str) -> list[int]:
        """The steps within epochs that have a checkpoint, in order."""
        steps = _numbered_folders(self._steps_path(experiment_id))
        return [step for step in steps if file_names(self.step_path(experiment_id, step))]

    def resources(self, experiment_id: int | str, epoch: int | str) -> list[str]:
        """The names of a checkpoint's files, in order; none where there is no checkpoint."""
        return file_names(self.checkpoint_path(experiment_id, epoch))

    def find_resource(self, experiment_id: int | str, epoch: int | str, resource: str) -> Path:
        """The file stored under `resource`, whatever its ending: `model` and `model.pickle` find `model.safetensors`.

        Raises:
            StoreError: there is none.
        """
        folder = self.resource_path(experiment_id, epoch, resource).parent
        if found := find_file(folder, resource):
            return found
        names = file_names(folder)
        raise StoreError(
            f"run {self.run_id}, experiment {experiment_id} has no {resource!r} of epoch {epoch}",
            code=NOT_FOUND,
            hint=f"this checkpoint has: {', '.join(names)}" if names else "there is no checkpoint of this epoch",
        )

    def _steps_path(self, experiment_id: int | str) -> Path:
        return self.experiment_path(experiment_id) / "steps"


class EventStorage:
    """A folder with a folder for each run."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    @property
    def outbox(self) -> EventStorage:
        """The storage inside this one in which runs wait that go to a server."""
        return EventStorage(self.path / _OUTBOX)

    def run(self, run_id: str) -> RunFolder:
        """The folder of a run, which need not exist. Raises StoreError for what is no run id."""
        return RunFolder(self.path / check_name(run_id, "run id"))

    def open(self, run_id: str) -> RunFolder:
        """The folder of a run that exists; `last` names the newest.

        Raises:
            StoreError: it does not exist, or is no run id.
        """
        run = self.run(run_id)
        if run.exists():
            return run
        runs = self.runs()
        if run_id == "last" and runs:
            return runs[0]
        hint = f"the newest here is {runs[0].run_id}" if runs else "no run was recorded here yet"
        raise StoreError(f"there is no run {run_id!r} in {self.path}", code=NOT_FOUND, hint=hint)

    def runs(self) -> list[RunFolder]:
        """All runs, newest first."""
        try:
            names = [each.name for each in os.scandir(self.path)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        found = (RunFolder(self.path / name) for name in sorted(names, reverse=True) if is_name(name))
        return [run for run in found if run.exists()]

    def create_run(self, now: datetime | None = None, *, is_free: Callable[[str], bool] = lambda _: True) -> RunFolder:
        """A new, empty folder, named after `now`, or after the next second that no other run is named after.

        `is_free` is asked whether a name that is free here is free elsewhere, too.

        Raises:
            StoreError: the storage cannot be written.
        """
        start = now or datetime.now()
        rival = self.path.parent if self.path.name == _OUTBOX else self.outbox.path
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            for second in _seconds_from(start):
                run = self.run(second.strftime(_RUN_ID_FORMAT))
                try:
                    run.path.mkdir()
                except FileExistsError:
                    continue
                if not (rival / run.run_id).exists() and is_free(run.run_id):
                    return run
                run.path.rmdir()
        raise AssertionError("there is always a next second")


def file_names(folder: Path) -> list[str]:
    """The files of a checkpoint's folder, in order, without those whose names are hidden; none where it is absent."""
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(each.name for each in entries if each.is_file() and not each.name.startswith("."))


def find_file(folder: Path, name: str) -> Path | None:
    """The file of a checkpoint's folder that is called `name`, or that is so but for the ending."""
    names = file_names(folder)
    stem = name.partition(".")[0]
    found = name if name in names else next((each for each in names if each.partition(".")[0] == stem), None)
    return folder / found if found else None


def _check_ending(name: str, ending: str) -> str:
    if check_name(name, "file name").endswith(ending):
        return name
    raise StoreError(f"{name!r} does not end in {ending!r}", code=BAD_NAME)


def _numbered_folders(path: Path) -> list[int]:
    try:
        entries = list(os.scandir(path))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(int(each.name) for each in entries if is_number(each.name) and each.is_dir())


def _seconds_from(start: datetime) -> Iterator[datetime]:
    while True:
        yield start
        start += timedelta(seconds=1)
