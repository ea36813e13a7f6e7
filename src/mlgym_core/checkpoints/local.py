"""Checkpoints as folders of the run's own folder.

Owns that a folder of an epoch appears and goes as a whole: it is written and emptied under a hidden name beside.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping

from mlgym_core.checkpoints.digests import describe
from mlgym_core.errors import StoreError
from mlgym_core.events.files import hidden_beside, read_file, remove_folder, writing
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.types import Resource


class LocalCheckpoints:
    """The checkpoints in the folder of one run."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run

    def save(self, experiment_id: int, epoch: int, resources: Mapping[str, bytes]) -> list[Resource]:
        """What was stored; see `Checkpoints.save`."""
        final = self._run.checkpoint_path(experiment_id, epoch)
        files = {self._run.resource_path(experiment_id, epoch, name).name: each for name, each in resources.items()}
        beside = hidden_beside(final)
        with writing(final):
            beside.mkdir(parents=True)
            try:
                for name, content in files.items():
                    (beside / name).write_bytes(content)
                remove_folder(final)
                beside.rename(final)
            except (OSError, StoreError):
                shutil.rmtree(beside, ignore_errors=True)
                raise
        return describe(resources)

    def load(self, experiment_id: int, epoch: int, resource: str) -> bytes:
        """The bytes of a file; see `Checkpoints.load`."""
        return read_file(self._run.find_resource(experiment_id, epoch, resource))

    def delete(self, experiment_id: int, epoch: int) -> None:
        """Remove a checkpoint; see `Checkpoints.delete`."""
        remove_folder(self._run.checkpoint_path(experiment_id, epoch))

    def epochs(self, experiment_id: int) -> list[int]:
        """The epochs that have a checkpoint, in order."""
        return self._run.checkpoint_epochs(experiment_id)
