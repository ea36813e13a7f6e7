"""A transform that takes its time, and in which its process is killed once somebody has armed it."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from pydantic import NonNegativeFloat
from torch import Tensor, randn_like

from mlgym_core import register

ARMED = Path(__file__).with_name("armed")
"""Where this file is, the next call kills its process and takes the file away."""


@register("transform", "fragile")
class Fragile:
    """Adds noise.

    Args:
        seconds: How long a sample takes.
    """

    def __init__(self, seconds: NonNegativeFloat = 0.0) -> None:
        self._seconds = seconds

    def __call__(self, inputs: Tensor) -> Tensor:
        """The input with noise."""
        time.sleep(self._seconds)
        with suppress(FileNotFoundError):
            ARMED.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return inputs + 0.1 * randn_like(inputs)
