"""Whether the loss of each batch is a finite number, and what becomes of training where it is not.

Owns the looking, which must cost nothing beside a step: on a CPU it is one comparison, on other devices losses are
kept back and looked at many at a time, because asking for one would wait for all that the device has still to do.
"""

from __future__ import annotations

from math import isfinite
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from mlgym_core.errors import RunError

OnNonfinite: TypeAlias = Literal["stop", "skip", "continue"]

_NUM_KEPT_BACK = 64
_NUM_TOLD = 10
"""So many of an epoch are told of one by one; where all losses are not finite, nobody reads more."""


class LossWatch:
    """Sees every loss; those that are not finite it tells one by one, and of very many how many at an epoch's end."""

    def __init__(self, on_nonfinite: OnNonfinite, *, is_deferred: bool) -> None:
        self._on_nonfinite = on_nonfinite
        self._is_deferred = is_deferred
        self._kept_back: list[tuple[int, Tensor]] = []
        self._epoch = 0
        self._num_met = 0
        self._notices: list[str] = []

    def begin(self, epoch: int) -> None:
        """Count anew for an epoch."""
        self._epoch = epoch
        self._num_met = 0

    def see(self, loss: Tensor, batch: int) -> bool:
        """Whether the gradient of this loss may be taken, as far as that is known yet.

        Raises:
            RunError: it is not finite, and training is to stop then.
        """
        if self._is_deferred:
            self._kept_back.append((batch, loss.detach()))
            if len(self._kept_back) == _NUM_KEPT_BACK:
                self.settle()
            return True
        value = loss.item()
        return isfinite(value) or self._meet(batch, value)

    def settle(self) -> None:
        """Look at what was kept back. Raises RunError as `see` does."""
        kept_back, self._kept_back = self._kept_back, []
        if kept_back:
            values = torch.stack([loss.reshape(()) for _, loss in kept_back]).tolist()
            for (batch, _), value in zip(kept_back, values, strict=True):
                if not isfinite(value):
                    self._meet(batch, value)

    def end(self) -> None:
        """Tell how many losses of the epoch were not finite, where not all were told. Raises RunError as `see` does."""
        self.settle()
        if self._num_met > _NUM_TOLD:
            self._notices.append(f"the loss of {self._num_met} batches of epoch {self._epoch} was not finite")

    def take_notices(self) -> list[str]:
        """What was met since this was last asked."""
        taken, self._notices = self._notices, []
        return taken

    def _meet(self, batch: int, value: float) -> bool:
        what = f"the loss of batch {batch} of epoch {self._epoch} is {value}"
        if self._on_nonfinite == "stop":
            raise RunError(
                what,
                code="MG343",
                hint="a smaller learning rate, clip_norm or other data may mend it; "
                "trainer.on_nonfinite: skip or continue trains on",
            )
        self._num_met += 1
        if self._num_met <= _NUM_TOLD:
            done = "its step was left out" if self._on_nonfinite == "skip" else "training goes on with it"
            self._notices.append(f"{what}; {done}")
        return self._on_nonfinite == "continue"
