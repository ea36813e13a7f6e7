"""Where checkpoints are kept, as those see it who save and load them.

Owns the port and the moments that a checkpoint can be of. A checkpoint is complete or absent; when there is one, is
decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mlgym_core.checkpoints.answers import Answer
from mlgym_core.checkpoints.contents import Frozen
from mlgym_core.events.types import Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Where training stood: `batch` batches of `epoch` were done, None at its end, after its evaluation.

    `step` counts the optimizer's steps taken so far.
    """

    epoch: int
    step: int
    batch: int | None = None

    @property
    def order(self) -> tuple[int, bool, int]:
        """What moments of one experiment are sorted by."""
        return self.epoch, self.batch is None, self.batch or 0

    def __str__(self) -> str:
        within = "" if self.batch is None else f", batch {self.batch}"
        return f"epoch {self.epoch}{within}"


class Checkpoints(Protocol):
    """The checkpoints of one run: for each experiment and moment, files by name.

    Which moment it is, is said by the file `STATEFUL_COMPONENTS` among them; see `position.py`.
    """

    def save(
        self,
        experiment_id: int,
        moment: Moment,
        files: Mapping[str, Frozen],
        instead_of: Sequence[Moment] = (),
        *,
        may_wait: bool = False,
    ) -> Answer[list[Resource]]:
        """What was stored, by name; with that the checkpoint is readable as a whole.

        It survives a power cut, too, unless it `may_wait` for that: then a power cut within the next second may tear
        it, which who reads it can tell by its digests, and one that survives is there still. One of that moment that
        is there already is replaced; those of `instead_of` are removed before. The answer raises StoreError where it
        cannot be stored; nothing of it can be read then.

        Raises:
            StoreError: a name is none of a file.
        """
        ...

    def load(self, experiment_id: int, moment: Moment, resource: str) -> bytes:
        """The bytes of a file; its name's ending may be left out.

        Raises:
            StoreError: there is none.
        """
        ...

    def describe(self, experiment_id: int, moment: Moment) -> list[Resource]:
        """What is stored of a checkpoint, by name; nothing where there is none."""
        ...

    def waits(self, size_bytes: int) -> bool:
        """Whether one of this size that was told of as deleted stays until it was carried elsewhere, and goes then.

        It does not where hardly more like it would find room; who told of it has to delete it then.
        """
        ...

    def delete(self, experiment_id: int, moment: Moment) -> Answer[None]:
        """Remove a checkpoint as a whole; nothing happens where there is none. The answer may raise StoreError."""
        ...

    def flush(self) -> Answer[None]:
        """Have all survive a power cut that was saved, and nothing be there that was deleted. May raise as `delete`."""
        ...

    def saved_at(self, experiment_id: int, moment: Moment) -> float | None:
        """When a checkpoint was saved, in seconds since the epoch; None where there is none."""
        ...

    def moments(self, experiment_id: int) -> list[Moment]:
        """The moments of those that say which they are of, in order."""
        ...

    def clear(self, experiment_id: int) -> None:
        """Remove what was left of checkpoints that were broken off; nobody else may be saving one."""
        ...
