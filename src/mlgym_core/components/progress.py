"""How often a pass over batches tells of itself. Owns nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Report: TypeAlias = Callable[[int], None]
"""Is told the batch just done, counted from 0."""

_REPORTS = 10


def is_report_due(batch: int, num_batches: int, previous: int | None = None) -> bool:
    """Whether to report after `batch`: about ten times a pass, and always after its last.

    `previous` is the batch that was done before it, where not every batch is told of.
    """
    before = batch if previous is None else previous + 1
    return (batch + 1) * _REPORTS // num_batches > before * _REPORTS // num_batches
