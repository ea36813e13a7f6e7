"""How often a pass over batches tells of itself. Owns nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Report: TypeAlias = Callable[[int], None]
"""Is told the batch just done, counted from 0."""

_REPORTS = 10


def is_report_due(batch: int, num_batches: int) -> bool:
    """Whether to report after `batch`: about ten times a pass, and always after its last."""
    done = batch + 1
    return done * _REPORTS // num_batches > batch * _REPORTS // num_batches
