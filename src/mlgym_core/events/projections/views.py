"""What others are shown of a run: rows, snapshots and deltas for the board, a document for the command line.

Owns how a state is told: rows, snapshots and deltas are what the events say and nothing else. It must not know who
asks, nor how it is sent. Whatever is made here shares nothing that the fold will change.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from mlgym_core.events.lock import Liveness
from mlgym_core.events.projections.overlay import overlay_row, overlay_summary
from mlgym_core.events.projections.run_fold import RunFold
from mlgym_core.events.projections.run_state import (
    ExperimentRow,
    ExperimentState,
    RunDelta,
    RunSnapshot,
    RunState,
    RunStatus,
    RunSummary,
    Status,
)

_ROW_FIELDS = ExperimentRow.__struct_fields__
_STATE_FIELDS = ExperimentState.__struct_fields__
_RowT = TypeVar("_RowT", bound=ExperimentRow)


def row(state: ExperimentState) -> ExperimentRow:
    """The experiment's row in a table."""
    return _copy(ExperimentRow, _ROW_FIELDS, state)


def detail(state: ExperimentState) -> ExperimentState:
    """All of an experiment."""
    return _copy(ExperimentState, _STATE_FIELDS, state)


def summary(state: RunState) -> RunSummary:
    """The run in a list of runs."""
    counts: Counter[Status] = Counter(each.status for each in state.experiments.values())
    missing = max(0, (state.started.num_experiments if state.started else 0) - len(state.experiments))
    if missing:
        counts["pending"] += missing
    status = _run_status(state)
    return RunSummary(
        run_id=state.run_id,
        status=status,
        num_experiments=len(state.experiments) + missing,
        counts=dict(counts),
        started_at=state.started_at,
        ended_at=_ended_at(state, status),
        last_event_at=state.last_event_at,
        num_events=state.num_events,
        description=_description(state),
        config_hash=state.started.config_hash if state.started else "",
        entry_command=state.started.entry_command if state.started else [],
        system=state.system,
        num_log_lines=state.num_log_lines,
        num_dropped=state.num_dropped,
        num_divergences=state.num_divergences,
    )


def snapshot(fold: RunFold, liveness: Liveness) -> RunSnapshot:
    """The whole run as the board begins with it; `liveness` is told beside it."""
    state = fold.state
    experiments = _in_order(state)
    configs = {each.experiment_id: each.config for each in experiments}
    return RunSnapshot(
        offset=state.num_events,
        liveness=liveness,
        run=summary(state),
        experiments=[row(each) for each in experiments],
        parameters={str(key): values for key, values in varying_parameters(configs).items()},
    )


class DeltaCollector:
    """Feeds a fold and tells what changed since it was last asked.

    A snapshot that deltas shall follow on is taken right after `collect`, or the next delta begins before it.
    """

    def __init__(self, fold: RunFold) -> None:
        self.fold = fold
        self._from_offset = fold.state.num_events
        self._touched: set[int] = set()

    def feed(self, lines: Iterable[bytes]) -> None:
        """Applies the lines that follow on those before. Raises StoreError for a line that holds no event."""
        self._touched |= self.fold.feed(lines)

    def collect(self, liveness: Liveness) -> RunDelta:
        """What changed since the last call; `liveness` is told beside it."""
        state = self.fold.state
        shown = [each for each in _in_order(state) if each.experiment_id in self._touched]
        delta = RunDelta(
            run_id=state.run_id,
            from_offset=self._from_offset,
            offset=state.num_events,
            liveness=liveness,
            run=summary(state),
            experiments=[row(each) for each in shown],
            points=[point for each in shown for point in self._points(each.experiment_id)],
        )
        self._from_offset = state.num_events
        self._touched = set()
        return delta

    def _points(self, experiment_id: int) -> Iterator[tuple[int, str, int, float | None]]:
        for key, column in self.fold.columns.scores.get(experiment_id, {}).items():
            for epoch, value in column.added(self._from_offset):
                yield experiment_id, key, int(epoch), value


def varying_parameters(configs: Mapping[int, Mapping[str, Any]]) -> dict[int, dict[str, Any]]:
    """For each experiment the leaves of its configuration, by dotted path, that are not the same in all of them.

    1 and 1.0 differ, as in a hash.
    """
    flat = {key: dict(config_leaves(config)) for key, config in configs.items()}
    seen: dict[str, set[str]] = {}
    count: Counter[str] = Counter()
    for leaves in flat.values():
        for path, value in leaves.items():
            seen.setdefault(path, set()).add(repr(value))
            count[path] += 1
    varying = {path for path, values in seen.items() if len(values) > 1 or count[path] < len(flat)}
    return {key: {path: leaves[path] for path in leaves if path in varying} for key, leaves in flat.items()}


def config_leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a configuration by their dotted paths, below `path` where that is given.

    Lists of plain values are leaves; in others the index is part of the path.
    """
    if isinstance(value, Mapping) and value:
        items: Iterable[tuple[Any, Any]] = value.items()
    elif isinstance(value, list) and any(isinstance(each, Mapping | list) for each in value):
        items = enumerate(value)
    else:
        yield path, value
        return
    for key, each in items:
        yield from config_leaves(each, f"{path}.{key}" if path else str(key))


def choices_text(choices: Mapping[str, Any]) -> str:
    """Leaves of a configuration in one line, such as the values that an experiment has of a grid."""
    return ", ".join(f"{path}={leaf_text(value)}" for path, value in choices.items())


def leaf_text(value: Any) -> str:
    """A leaf of a configuration as YAML has it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def show_document(fold: RunFold, liveness: Liveness) -> dict[str, Any]:
    """What `mlgym show --json` prints."""
    state = fold.state
    return {
        "run_id": state.run_id,
        "status": overlay_summary(summary(state), liveness).status,
        "liveness": liveness,
        "experiments": [_show_experiment(overlay_row(each, liveness)) for each in _in_order(state)],
    }


def _show_experiment(state: ExperimentState) -> dict[str, Any]:
    return {
        "experiment_id": state.experiment_id,
        "config": state.config,
        "status": state.status,
        "epochs_done": state.epochs_done,
        "best": {key: score.value for key, score in state.best.items()},
        "last": {key: score.value for key, score in state.last.items()},
        "checkpoints": [
            {"epoch": each.epoch, "step": each.step, "sha256": each.weights_sha256} for each in state.checkpoints
        ],
        "error": state.error,
    }


def _copy(kind: type[_RowT], fields: tuple[str, ...], state: ExperimentState) -> _RowT:
    shown = kind(**{name: getattr(state, name) for name in fields})
    shown.best = dict(state.best)
    shown.last = dict(state.last)
    return shown


def _run_status(state: RunState) -> RunStatus:
    if state.ended is not None:
        return state.ended.reason
    if state.started is not None:
        return "running"
    # A run of MLgym does not tell of its own start and end: its experiments do.
    found = {each.status for each in state.experiments.values()}
    if found <= {"pending"}:
        return "pending"
    if found & {"pending", "running"}:
        return "running"
    return "failed" if "failed" in found else "stopped" if "stopped" in found else "finished"


def _ended_at(state: RunState, status: RunStatus) -> float | None:
    if state.started is not None or status in ("pending", "running"):
        return state.ended_at
    return max((each.finished_at for each in state.experiments.values() if each.finished_at), default=None)


def _description(state: RunState) -> str | None:
    return state.started.description if state.started else None


def _in_order(state: RunState) -> list[ExperimentState]:
    return [state.experiments[key] for key in sorted(state.experiments)]
