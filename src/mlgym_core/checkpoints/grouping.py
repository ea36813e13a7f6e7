"""Folders that are synced together about once a second, where each need not be synced before it is told of.

Owns that something whole survives a power cut all the same: what was synced stays until what came instead of it was,
and a group longer, in which it comes to be known. Whoever reads such a folder after a power cut has to see whether it
is whole. A folder that is saved a second after the last sync or later is synced at once.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self

from mlgym_core.checkpoints.contents import Content
from mlgym_core.checkpoints.folders import Folder, save_parts
from mlgym_core.errors import StoreError
from mlgym_core.events.durability import Durability
from mlgym_core.events.files import remove_folder, sync_files, sync_folder, writing

EVERY_S = 1.0


class GroupedFolders:
    """Writes and removes folders. While entered, a thread syncs what waits; all of it is synced when it is left."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sync_again_and_again, name="sync", daemon=True)
        self._unsynced: dict[Path, None] = {}
        self._superseded: dict[Path, None] = {}
        self._leaving: dict[Path, None] = {}
        self._next_sync = 0.0
        self._failure: StoreError | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self.flush()

    @property
    def held(self) -> list[Path]:
        """The folders that were to be removed and are there still."""
        with self._lock:
            return [*self._leaving, *self._superseded]

    def save(
        self,
        path: Path,
        files: Mapping[str, Iterable[Content]],
        durability: Durability,
        instead_of: Sequence[Path] = (),
        *,
        may_wait: bool = False,
    ) -> Folder:
        """See `Folders.save`. Raises StoreError, also where a sync failed since the last request."""
        with self._lock:
            self._raise_failure()
            is_grouped = may_wait and durability == "synced"
            waits = is_grouped and monotonic() < self._next_sync
            for each in instead_of:
                self._remove(each, is_held=waits or bool(self._unsynced))
            for held in (self._unsynced, self._superseded, self._leaving):
                held.pop(path, None)
            written = save_parts(path, files, "written" if waits else durability)
            if waits:
                self._unsynced[path] = None
            elif is_grouped:
                self._sync()
            return written

    def remove(self, path: Path) -> None:
        """Remove a folder, or have it go later. Raises StoreError, also where a sync failed since the last request."""
        with self._lock:
            self._raise_failure()
            self._remove(path, is_held=bool(self._unsynced))

    def flush(self) -> None:
        """Sync and remove all that waits for that. Raises as `save` does.

        The next folder is synced at once: it need not come instead of any that was.
        """
        with self._lock:
            self._raise_failure()
            self._sync()
            self._sync()  # what was held back in the last group goes with the next
            self._next_sync = 0.0

    def sync(self) -> None:
        """Sync what waits. Raises StoreError where that fails: it is not tried again."""
        with self._lock:
            if self._unsynced or self._superseded or self._leaving:
                self._sync()

    def _remove(self, path: Path, *, is_held: bool) -> None:
        if is_held and path not in self._unsynced:
            self._superseded[path] = None
        else:
            self._unsynced.pop(path, None)
            remove_folder(path)

    def _sync(self) -> None:
        unsynced, self._unsynced = self._unsynced, {}
        for path in unsynced:
            with writing(path), suppress(FileNotFoundError):  # somebody else has removed it
                sync_files(path)
        for parent in {path.parent for path in unsynced}:
            with writing(parent), suppress(FileNotFoundError):
                sync_folder(parent, "synced")
        leaving, self._leaving, self._superseded = self._leaving, self._superseded, {}
        for path in leaving:
            remove_folder(path)
        self._next_sync = monotonic() + EVERY_S

    def _sync_again_and_again(self) -> None:
        while not self._ended.wait(EVERY_S):
            try:
                self.sync()
            except StoreError as error:  # the boundary of the thread: the next request is told
                self._failure = error

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
