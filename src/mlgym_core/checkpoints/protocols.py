"""Where checkpoints are kept, as those see it who save and load them.

Owns the port. A checkpoint is complete or absent; when there is one, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

from mlgym_core.events.types import Resource

Frozen: TypeAlias = Callable[[], bytes]
"""The bytes of a file as its state was when this was made; it may be called later, once, in another thread."""


class Checkpoints(Protocol):
    """The checkpoints of one run: for each experiment and epoch, files by name."""

    def save(self, experiment_id: int, epoch: int, resources: Mapping[str, bytes]) -> list[Resource]:
        """What was stored, by name; the checkpoint is readable when this returns, as a whole.

        One of that epoch that is there already is replaced.

        Raises:
            StoreError: it cannot be stored; nothing of it can be read then.
        """
        ...

    def load(self, experiment_id: int, epoch: int, resource: str) -> bytes:
        """The bytes of a file; its name's ending may be left out.

        Raises:
            StoreError: there is none.
        """
        ...

    def delete(self, experiment_id: int, epoch: int) -> None:
        """Remove a checkpoint as a whole; nothing happens where there is none."""
        ...

    def epochs(self, experiment_id: int) -> list[int]:
        """The epochs that have a checkpoint, in order."""
        ...
