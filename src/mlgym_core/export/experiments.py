"""The table of a run's experiments: parameters, what became of them, best and last scores, a column for each.

Owns the columns that depend on the run. All it knows comes from the fold.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import pyarrow as pa

from mlgym_core.events.projections.run_state import ExperimentState, RunState
from mlgym_core.events.projections.views import config_leaves

_FIXED: tuple[tuple[str, pa.DataType], ...] = (
    ("experiment_id", pa.int64()),
    ("status", pa.string()),
    ("epochs_done", pa.int64()),
    ("num_epochs", pa.int64()),
    ("attempt", pa.int64()),
    ("device", pa.string()),
    ("host", pa.string()),
    ("started_at", pa.float64()),
    ("finished_at", pa.float64()),
    ("error", pa.string()),
)


def experiments_table(state: RunState) -> pa.Table:
    """A row for each experiment, by id.

    A parameter's column, `config.optimizer.lr` for example, has the type of its values; where they differ, or are
    lists, it holds them as JSON.
    """
    experiments = [state.experiments[key] for key in sorted(state.experiments)]
    columns = {name: pa.array([getattr(each, name) for each in experiments], kind) for name, kind in _FIXED}
    rows = [dict(config_leaves(each.config, "config")) for each in experiments]
    columns |= {path: _parameter([row.get(path) for row in rows]) for path in _keys(rows)}
    for name in ("best", "last"):
        columns |= _scores(name, experiments)
    return pa.table(columns)


def _scores(name: str, experiments: list[ExperimentState]) -> dict[str, pa.Array]:
    scores = [getattr(each, name) for each in experiments]
    columns: dict[str, pa.Array] = {}
    for key in sorted(_keys(scores)):
        found = [each.get(key) for each in scores]
        columns[f"{name}.{key}"] = pa.array([each.value if each else None for each in found], pa.float64())
        columns[f"{name}_epoch.{key}"] = pa.array([each.epoch if each else None for each in found], pa.int64())
    return columns


def _keys(mappings: Iterable[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(key for each in mappings for key in each))


def _parameter(values: list[Any]) -> pa.Array:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int} and all(value is None or -(2**63) <= value < 2**63 for value in values):
        return pa.array(values, pa.int64())
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    if kinds == {str}:
        return pa.array(values, pa.string())
    if kinds in ({float}, {int, float}):
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    return pa.array([None if value is None else msgspec.json.encode(value).decode() for value in values], pa.string())
