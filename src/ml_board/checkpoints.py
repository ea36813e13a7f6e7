"""The files of checkpoints that clients of this server send and delete.

Owns when the end of a checkpoint is a fact that has to be told first. Knows neither REST nor the socket.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ml_board.runs.views import RunViews
from mlgym_core.errors import StoreError
from mlgym_core.events import codes
from mlgym_core.events.checkpoint_files import delete_checkpoints, delete_within_epoch
from mlgym_core.events.files import remove_folder, write_atomically
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.names import check_name, check_number
from mlgym_core.events.projections.run_state import CheckpointState

OLD_EVENT = "checkpoint"
"""The event in which MLgym's publisher sends a checkpoint; it is files, and never a line of a log."""
_OLD_ENDING = ".pickle"


@dataclass(frozen=True, slots=True, kw_only=True)
class OldCheckpoint:
    """A checkpoint as MLgym's publisher sends it: its files by name, none of them where it is to go."""

    experiment_id: int
    epoch: int
    resources: Mapping[str, bytes]

    @property
    def size_bytes(self) -> int:
        """All its files together."""
        return sum(map(len, self.resources.values()))


def read_old_checkpoint(payload: Mapping[str, object]) -> OldCheckpoint:
    """The checkpoint that the payload of such an event holds. Raises StoreError where it holds none."""
    streams = payload.get("checkpoint_streams")
    if not isinstance(streams, dict):
        raise _malformed("has no checkpoint_streams")
    resources = {
        check_name(f"{name}{_OLD_ENDING}", "resource"): stream for name, stream in streams.items() if stream is not None
    }
    if not all(isinstance(stream, bytes) for stream in resources.values()):
        raise _malformed("has a resource that is not binary")
    return OldCheckpoint(
        experiment_id=check_number(payload.get("experiment_id"), "experiment id"),
        epoch=check_number(payload.get("checkpoint_id"), "epoch"),
        resources=resources,
    )


def store_old_checkpoint(views: RunViews, run: RunFolder, checkpoint: OldCheckpoint) -> None:
    """Stores the files of a checkpoint, or deletes it where it has none. Raises StoreError as the disk does."""
    experiment_id, epoch = checkpoint.experiment_id, checkpoint.epoch
    for name, content in checkpoint.resources.items():
        write_atomically(run.resource_path(experiment_id, epoch, name), content)
    if not checkpoint.resources and run.resources(experiment_id, epoch):
        delete_checkpoint(views, run, experiment_id, epoch)


def delete_checkpoint(views: RunViews, run: RunFolder, experiment_id: int, epoch: int) -> None:
    """Deletes a checkpoint's files; first its end is told, unless whoever saved it has told, or never spoke of it.

    Raises:
        StoreError: whoever writes the log did not take the event, or the files cannot be removed.
    """
    if is_told(views, run, experiment_id, epoch):
        delete_checkpoints(run, experiment_id, epoch)
    else:
        remove_folder(run.checkpoint_path(experiment_id, epoch))


def delete_step(views: RunViews, run: RunFolder, experiment_id: int, step: int) -> None:
    """As `delete_checkpoint`, for one from within an epoch."""
    if any(each.batch is not None and each.step == step for each in _told(views, run, experiment_id)):
        delete_within_epoch(run, experiment_id, step)
    else:
        remove_folder(run.step_path(experiment_id, step))


def is_told(views: RunViews, run: RunFolder, experiment_id: int, epoch: int) -> bool:
    """Whether the run's log says that there is this checkpoint. Raises StoreError where it cannot be read."""
    return any(each.batch is None and each.epoch == epoch for each in _told(views, run, experiment_id))


def _told(views: RunViews, run: RunFolder, experiment_id: int) -> Sequence[CheckpointState]:
    try:
        return views.view(run.run_id).experiment(experiment_id).checkpoints
    except StoreError as error:
        if error.code != codes.NOT_FOUND:
            raise
        return ()


def _malformed(why: str) -> StoreError:
    return StoreError(f"an event checkpoint {why}", code=codes.NOT_AN_EVENT, hint="send it as MLgym 0.0.75 does")
