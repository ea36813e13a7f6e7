"""The files of checkpoints, held against what a run's log tells of them.

Owns their deletion, as an event first, and the search for files that are missing, changed, or that nobody told of.
It must not know how a checkpoint is saved.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from mlgym_core.errors import StoreError
from mlgym_core.events.appending import append_facts
from mlgym_core.events.codec import decode_event
from mlgym_core.events.codes import NOT_FOUND
from mlgym_core.events.files import reading, remove_folder
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.lines import read_lines
from mlgym_core.events.lock import liveness
from mlgym_core.events.names import check_name
from mlgym_core.events.spool import SpoolReader
from mlgym_core.events.types import Checkpoint, CheckpointDeleted, CheckpointSaved, Resource

_CHUNK_BYTES = 4 * 2**20
_LOOK_EVERY_S = 0.1
_NUM_LOOKS = 10
"""How often the log of a run that is alive is looked at for the end of a checkpoint whose files went before."""
_UNKNOWN_STEP = -1

_Place: TypeAlias = tuple[int, int, int | None]
"""The experiment, the epoch and, where it is from within one, the step of a checkpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointFault:
    """A file of a checkpoint that is not as the log tells."""

    experiment_id: int
    epoch: int
    step: int | None = None
    resource: str
    message: str

    def __str__(self) -> str:
        within = "" if self.step is None else f", step {self.step}"
        return f"experiment {self.experiment_id}, epoch {self.epoch}{within}, {self.resource}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointReport:
    """How many checkpoints the log tells of, what is wrong with them, and the files that should not be there.

    Those are `untold` of in the log, or were `left` of a checkpoint that it tells of as deleted.
    """

    num_checkpoints: int
    faults: list[CheckpointFault]
    untold: list[str]
    left: list[str]


class ToldCheckpoints:
    """What a run's log said last of each checkpoint, whether its chain is whole or not."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self._offset = 0
        self._last: dict[_Place, Checkpoint] = {}

    def read_on(self) -> None:
        """Takes in what is new in the log. Raises StoreError where it cannot be read."""
        path = self._run.log_path
        with reading(path):
            try:
                file = path.open("rb")
            except FileNotFoundError:
                return
            with file:
                while True:
                    lines, self._offset = read_lines(file.fileno(), self._offset, _CHUNK_BYTES)
                    if not lines:
                        return
                    for payload in _told(lines):
                        self._last[_place(payload)] = payload

    def read_ends(self) -> None:
        """Takes in which of these were told of as deleted by a process whose events are not in the log yet."""
        for path in self._run.spools_path.glob("*.jsonl"):
            for payload in _told(SpoolReader(path).poll()):
                if isinstance(payload, CheckpointDeleted):
                    self._last[_place(payload)] = payload

    def saved(self) -> Iterator[CheckpointSaved]:
        """Those that were not deleted since they were saved."""
        return (each for each in self._last.values() if isinstance(each, CheckpointSaved))

    def deleted(self) -> Iterator[CheckpointDeleted]:
        """Those that were deleted and not saved again, in the order in which they were first told of."""
        return (each for each in self._last.values() if isinstance(each, CheckpointDeleted))

    def is_saved(self, fault: CheckpointFault) -> bool:
        """Whether the checkpoint of `fault` is one of those."""
        return isinstance(self._last.get((fault.experiment_id, fault.epoch, fault.step)), CheckpointSaved)


def delete_checkpoints(
    run: RunFolder, experiment_id: int, epoch: int | None = None, *, patience_s: float = 5.0
) -> list[int]:
    """The epochs of an experiment whose checkpoints were deleted: all of them, or that of the end of `epoch`.

    `checkpoint_deleted` is in the log before the first file goes, also for files that it never told of.

    Raises:
        StoreError: there is none; or whoever writes the log did not take the events within `patience_s`, and no file
            was touched.
    """
    epochs = tell_deleted(run, experiment_id, epoch, patience_s=patience_s)
    for each in epochs:
        remove_folder(run.checkpoint_path(experiment_id, each))
    for step in run.checkpoint_steps(experiment_id) if epoch is None else ():
        remove_folder(run.step_path(experiment_id, step))
    return epochs


def delete_within_epoch(run: RunFolder, experiment_id: int, step: int) -> None:
    """Deletes the checkpoint after `step`; its end is in the log before the first file goes, where that told of it.

    Raises:
        StoreError: as `delete_checkpoints` does.
    """
    saved = _read_saved(run, experiment_id)
    if deletions := [_deletion(each) for each in saved if each.batch is not None and each.step == step]:
        append_facts(run, deletions)
    remove_folder(run.step_path(experiment_id, step))


def tell_deleted(run: RunFolder, experiment_id: int, epoch: int | None = None, *, patience_s: float = 5.0) -> list[int]:
    """Says in the log what `delete_checkpoints` says there, and touches no file; the epochs. Raises as that does."""
    saved = _read_saved(run, experiment_id)
    ends = {each.epoch: each for each in saved if each.batch is None}
    within = [each for each in saved if each.batch is not None and epoch is None]
    epochs = sorted({*ends, *run.checkpoint_epochs(experiment_id)})
    chosen = [each for each in epochs if epoch in (None, each)]
    if not chosen and not within:
        asked = "" if epoch is None else f" of epoch {epoch}"
        raise StoreError(
            f"run {run.run_id}, experiment {experiment_id} has no checkpoint{asked}",
            code=NOT_FOUND,
            hint=f"it has: {', '.join(map(str, epochs))}" if epochs else None,
        )
    deletions = [
        _deletion(ends[each]) if each in ends else _untold_deletion(run, experiment_id, each) for each in chosen
    ]
    append_facts(run, [*deletions, *map(_deletion, within)], patience_s)
    return sorted({*chosen, *(each.epoch for each in within)})


def verify_checkpoints(run: RunFolder) -> CheckpointReport:
    """Holds the files of each checkpoint that the log tells of against their sizes and digests there.

    Of a run that is alive, up to what its log tells when this returns. What was told of as deleted by a process that
    was killed is not missed, though nobody has brought that into the log.

    Raises:
        StoreError: the log or a file cannot be read.
    """
    told = ToldCheckpoints(run)
    told.read_on()
    saved = list(told.saved())
    faults = [fault for each in saved for fault in _faults(run, each)]
    if faults:
        told.read_ends()
        faults = [each for each in faults if told.is_saved(each)]
    num_looks = _NUM_LOOKS
    while faults and num_looks and liveness(run) == "alive":
        # Their files may have gone meanwhile, and the log may not say so yet.
        num_looks -= 1
        time.sleep(_LOOK_EVERY_S)
        told.read_on()
        faults = [each for each in faults if told.is_saved(each)]
    untold, left = _others(run, told)
    return CheckpointReport(num_checkpoints=len(saved), faults=faults, untold=untold, left=left)


def is_whole(run: RunFolder, saved: CheckpointSaved) -> bool:
    """Whether all files of a checkpoint are here as they were saved. Raises StoreError where one cannot be read."""
    return not any(True for _ in _faults(run, saved))


def folder_of(run: RunFolder, checkpoint: Checkpoint) -> Path:
    """Where the files of a checkpoint lie that an event speaks of."""
    return _folder(run, _place(checkpoint))


def describe_file(path: Path) -> Resource:
    """Name, size and SHA-256 of a checkpoint's file. Raises StoreError where it cannot be read."""
    with reading(path):
        return Resource(name=path.name, size_bytes=path.stat().st_size, sha256=_sha256(path))


def _read_saved(run: RunFolder, experiment_id: int) -> list[CheckpointSaved]:
    told = ToldCheckpoints(run)
    told.read_on()
    return [each for each in told.saved() if each.experiment_id == experiment_id]


def _told(lines: Iterable[bytes]) -> Iterator[Checkpoint]:
    for line in lines:
        # Most lines are of other types, and need not be decoded.
        if b'"checkpoint_' not in line:
            continue
        try:
            event = decode_event(line)
        except StoreError:
            # Whoever checks the chain tells of it.
            continue
        if event is not None and isinstance(event.payload, Checkpoint):
            yield event.payload


def _place(checkpoint: Checkpoint) -> _Place:
    return checkpoint.experiment_id, checkpoint.epoch, None if checkpoint.batch is None else checkpoint.step


def _folder(run: RunFolder, place: _Place) -> Path:
    experiment_id, epoch, step = place
    return run.checkpoint_path(experiment_id, epoch) if step is None else run.step_path(experiment_id, step)


def _faults(run: RunFolder, saved: CheckpointSaved) -> Iterator[CheckpointFault]:
    for resource in saved.resources:
        try:
            message = _difference(folder_of(run, saved) / check_name(resource.name, "resource"), resource)
        except StoreError as error:
            message = error.message
        if message:
            experiment_id, epoch, step = _place(saved)
            yield CheckpointFault(
                experiment_id=experiment_id, epoch=epoch, step=step, resource=resource.name, message=message
            )


def _difference(path: Path, told: Resource) -> str | None:
    with reading(path):
        try:
            size_bytes = path.stat().st_size
            if size_bytes != told.size_bytes:
                return f"it has {size_bytes:,} bytes, and had {told.size_bytes:,} when it was saved"
            return None if _sha256(path) == told.sha256 else "its SHA-256 is not the one that it had when it was saved"
        except (FileNotFoundError, NotADirectoryError):
            return "it is missing"


def _others(run: RunFolder, told: ToldCheckpoints) -> tuple[list[str], list[str]]:
    """The files of an epoch's end that nobody told of, and those of checkpoints that were told of as deleted."""
    saved = {(*_place(each), resource.name) for each in told.saved() for resource in each.resources}
    deleted = {_place(each) for each in told.deleted()}
    untold: list[str] = []
    left: list[str] = []
    for experiment_id in run.experiments():
        for epoch in run.checkpoint_epochs(experiment_id):
            place = (experiment_id, epoch, None)
            names = [name for name in run.resources(experiment_id, epoch) if (*place, name) not in saved]
            (left if place in deleted else untold).extend(f"{experiment_id}/{epoch}/{name}" for name in names)
    return untold, [] if run.is_staged else left  # there they wait to be carried


def _deletion(saved: CheckpointSaved) -> CheckpointDeleted:
    return CheckpointDeleted(**{name: getattr(saved, name) for name in saved.__struct_fields__})


def _untold_deletion(run: RunFolder, experiment_id: int, epoch: int) -> CheckpointDeleted:
    folder = run.checkpoint_path(experiment_id, epoch)
    resources = [describe_file(folder / name) for name in run.resources(experiment_id, epoch)]
    model = next((each.sha256 for each in resources if each.name.partition(".")[0] == "model"), "")
    return CheckpointDeleted(
        grid_search_id=run.run_id,
        experiment_id=experiment_id,
        epoch=epoch,
        step=_UNKNOWN_STEP,
        resources=resources,
        weights_sha256=model,
        kept_as=[],
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
