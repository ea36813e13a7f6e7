"""The fold that makes a run's state out of its events.

Pure: the same events give the same state, at whatever pace they come. It must not know how a log is stored, or who
looks at the state.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from mlgym_core.errors import StoreError
from mlgym_core.events.codec import decode_event
from mlgym_core.events.codes import DAMAGED
from mlgym_core.events.projections.run_state import (
    CheckpointState,
    ExperimentState,
    RunState,
    ScoreAt,
    Series,
    Status,
)
from mlgym_core.events.types import (
    AttemptStarted,
    Checkpoint,
    CheckpointDeleted,
    CheckpointSaved,
    ControlAnswered,
    EvaluationResult,
    Event,
    ExperimentConfig,
    ExperimentStatus,
    JobStatus,
    RunEnded,
    RunStarted,
)

PROCESS_LOST = "process lost"
"""The error of an experiment whose process is gone and left no other word."""

_CALCULATION = 1
_NO_DEVICE = ("", "None")
_NOTHING: frozenset[int] = frozenset()
_NO_NAMES: frozenset[str] = frozenset()


class RunFold:
    """The state after the events that were applied, in the order of the log. Not for two threads at once."""

    def __init__(self) -> None:
        self.state = RunState()
        self._metrics_to_lower: dict[int, frozenset[str]] = {}
        self._stopped_experiments: set[int] = set()
        self._is_stopped = False

    def feed(self, lines: Iterable[bytes]) -> frozenset[int]:
        """Applies the lines that follow on those before; the ids of the experiments that they touched.

        Raises:
            StoreError: a line holds no event; those before it were applied.
        """
        touched: set[int] = set()
        for line in lines:
            touched |= self.apply(self.state.num_events, self._decode(line))
        return frozenset(touched)

    def apply(self, event_id: int, event: Event | None) -> frozenset[int]:
        """Applies one event, None for one that this version cannot read; the ids of the experiments that it touched.

        An event that was applied before changes nothing.
        """
        state = self.state
        if event_id < state.num_events:
            return _NOTHING
        state.num_events = event_id + 1
        if event is None:
            return _NOTHING
        payload = event.payload
        at = event.creation_ts / 1e6
        state.last_event_at = at
        if not state.run_id:
            state.run_id = payload.grid_search_id
            state.started_at = at
        step = _STEPS.get(type(payload))
        return _NOTHING if step is None else step(self, payload, at)

    def _decode(self, line: bytes) -> Event | None:
        try:
            return decode_event(line)
        except StoreError as error:
            run_id, number = self.state.run_id, self.state.num_events
            raise StoreError(
                f"the log of run {run_id or '?'} is damaged at line {number} (counted from 0): {error.message}",
                code=DAMAGED,
                hint=f"restore it from a copy; `mlgym show {run_id} --at {number - 1}` tells what stands before it"
                if number
                else "restore it from a copy",
            ) from error

    def _experiment(self, experiment_id: int) -> ExperimentState:
        found = self.state.experiments.get(experiment_id)
        if found is None:
            found = self.state.experiments[experiment_id] = ExperimentState(experiment_id=experiment_id)
        return found

    def _start_run(self, payload: RunStarted, at: float) -> frozenset[int]:
        self.state.started = payload
        self.state.started_at = at
        self.state.ended = self.state.ended_at = None
        self._is_stopped = False
        return _NOTHING

    def _end_run(self, payload: RunEnded, at: float) -> frozenset[int]:
        self.state.ended = payload
        self.state.ended_at = at
        if payload.reason not in ("stopped", "lost"):
            return _NOTHING
        running = [each for each in self.state.experiments.values() if each.status == "running"]
        for experiment in running:
            _finish(experiment, at)
            experiment.status = "stopped" if payload.reason == "stopped" else "failed"
            experiment.error = None if payload.reason == "stopped" else PROCESS_LOST
        return frozenset(each.experiment_id for each in running)

    def _configure(self, payload: ExperimentConfig, _at: float) -> frozenset[int]:
        experiment = self._experiment(payload.experiment_id)
        experiment.config = payload.config
        experiment.job_id = str(payload.job_id)
        run = payload.config.get("run")
        epochs = run.get("epochs") if isinstance(run, dict) else None
        if isinstance(epochs, int):
            experiment.num_epochs = epochs
        self._metrics_to_lower[payload.experiment_id] = _metrics_to_lower(payload.config)
        return frozenset((payload.experiment_id,))

    def _start_attempt(self, payload: AttemptStarted, at: float) -> frozenset[int]:
        experiment = self._experiment(payload.experiment_id)
        self._stopped_experiments.discard(payload.experiment_id)
        _begin(experiment, at)
        experiment.attempt = payload.attempt
        experiment.device = payload.device
        experiment.host = payload.host
        experiment.pid = payload.pid
        experiment.threads = payload.threads
        experiment.versions = payload.versions
        return frozenset((payload.experiment_id,))

    def _follow_job(self, payload: JobStatus, at: float) -> frozenset[int]:
        if payload.job_type != _CALCULATION:
            return _NOTHING
        experiment = self._experiment(payload.experiment_id)
        experiment.job_id = payload.job_id
        if payload.device not in _NO_DEVICE:
            experiment.device = payload.device
        if payload.status == "DONE":
            _finish(experiment, payload.finishing_time if payload.finishing_time > 0 else at)
            experiment.error = payload.error or None
            experiment.stacktrace = payload.stacktrace or None
            experiment.status = self._outcome(experiment)
        else:
            _begin(experiment, payload.starting_time if payload.starting_time > 0 else at)
            if payload.status == "INIT":
                experiment.status = "pending"
                experiment.started_at = None
        return frozenset((payload.experiment_id,))

    def _outcome(self, experiment: ExperimentState) -> Status:
        if experiment.error is None:
            return "finished"
        return "stopped" if self._is_stopped or experiment.experiment_id in self._stopped_experiments else "failed"

    def _follow_progress(self, payload: ExperimentStatus, _at: float) -> frozenset[int]:
        experiment = self._experiment(payload.experiment_id)
        experiment.num_epochs = payload.num_epochs
        experiment.phase = payload.status
        experiment.current_epoch = payload.current_epoch
        experiment.current_split = payload.current_split
        experiment.current_batch = payload.current_batch
        experiment.num_batches = payload.num_batches
        return frozenset((payload.experiment_id,))

    def _add_scores(self, payload: EvaluationResult, _at: float) -> frozenset[int]:
        experiment = self._experiment(payload.experiment_id)
        experiment.epochs_done = max(experiment.epochs_done, payload.epoch + 1)
        to_lower = self._metrics_to_lower.get(payload.experiment_id, _NO_NAMES)
        for metric in payload.metric_scores:
            lower = metric.metric in to_lower
            _add_score(experiment, f"{metric.split}/{metric.metric}", payload.epoch, metric.score, lower)
        for loss in payload.loss_scores:
            _add_score(experiment, f"{loss.split}/{loss.loss}", payload.epoch, loss.score, True)
        return frozenset((payload.experiment_id,))

    def _add_checkpoint(self, payload: CheckpointSaved, at: float) -> frozenset[int]:
        experiment = self._experiment(payload.experiment_id)
        saved = CheckpointState(
            epoch=payload.epoch,
            step=payload.step,
            kept_as=payload.kept_as,
            weights_sha256=payload.weights_sha256,
            resources=payload.resources,
            saved_at=at,
        )
        others = _without(experiment.checkpoints, payload)
        experiment.checkpoints = sorted([*others, saved], key=lambda each: (each.epoch, each.step))
        return frozenset((payload.experiment_id,))

    def _drop_checkpoint(self, payload: CheckpointDeleted, _at: float) -> frozenset[int]:
        experiment = self._experiment(payload.experiment_id)
        experiment.checkpoints = _without(experiment.checkpoints, payload)
        return frozenset((payload.experiment_id,))

    def _answer(self, payload: ControlAnswered, _at: float) -> frozenset[int]:
        if payload.action != "stop" or not payload.obeyed:
            return _NOTHING
        if payload.experiment_id is None:
            self._is_stopped = True
            return _NOTHING
        self._stopped_experiments.add(payload.experiment_id)
        experiment = self._experiment(payload.experiment_id)
        if experiment.status == "failed":
            experiment.status = "stopped"
        return frozenset((payload.experiment_id,))


_Step: TypeAlias = Callable[[RunFold, Any, float], frozenset[int]]

_STEPS: dict[type, _Step] = {
    RunStarted: RunFold._start_run,
    RunEnded: RunFold._end_run,
    ExperimentConfig: RunFold._configure,
    AttemptStarted: RunFold._start_attempt,
    JobStatus: RunFold._follow_job,
    ExperimentStatus: RunFold._follow_progress,
    EvaluationResult: RunFold._add_scores,
    CheckpointSaved: RunFold._add_checkpoint,
    CheckpointDeleted: RunFold._drop_checkpoint,
    ControlAnswered: RunFold._answer,
}


def points_of(result: EvaluationResult) -> Iterator[tuple[int, str, int, float | None]]:
    """The scores of a result as (experiment_id, key, epoch, value)."""
    for metric in result.metric_scores:
        yield result.experiment_id, f"{metric.split}/{metric.metric}", result.epoch, metric.score
    for loss in result.loss_scores:
        yield result.experiment_id, f"{loss.split}/{loss.loss}", result.epoch, loss.score


def _begin(experiment: ExperimentState, at: float) -> None:
    experiment.status = "running"
    experiment.started_at = at
    experiment.finished_at = experiment.error = experiment.stacktrace = None


def _finish(experiment: ExperimentState, at: float) -> None:
    experiment.finished_at = at
    experiment.phase = experiment.current_split = None
    experiment.current_batch = experiment.num_batches = None


def _add_score(experiment: ExperimentState, key: str, epoch: int, value: float | None, lower: bool) -> None:
    series = experiment.series.get(key)
    if series is None:
        series = experiment.series[key] = Series()
    if not series.epochs or epoch > series.epochs[-1]:
        series.epochs.append(epoch)
        series.values.append(value)
        best = experiment.best.get(key)
        if value is not None and (best is None or _is_better(value, best.value, lower)):
            experiment.best[key] = ScoreAt(value=value, epoch=epoch)
    else:
        _put(series, epoch, value)
        _find_best(experiment, key, series, lower)
    experiment.last[key] = ScoreAt(value=series.values[-1], epoch=series.epochs[-1])


def _put(series: Series, epoch: int, value: float | None) -> None:
    at = bisect_left(series.epochs, epoch)
    if series.epochs[at] == epoch:
        series.values[at] = value
    else:
        series.epochs.insert(at, epoch)
        series.values.insert(at, value)


def _find_best(experiment: ExperimentState, key: str, series: Series, lower: bool) -> None:
    experiment.best.pop(key, None)
    known = [(value, epoch) for value, epoch in zip(series.values, series.epochs, strict=True) if value is not None]
    if known:
        value, epoch = min(known) if lower else min(known, key=lambda each: (-each[0], each[1]))
        experiment.best[key] = ScoreAt(value=value, epoch=epoch)


def _is_better(value: float, than: float | None, lower: bool) -> bool:
    return than is None or (value < than if lower else value > than)


def _without(checkpoints: list[CheckpointState], payload: Checkpoint) -> list[CheckpointState]:
    return [each for each in checkpoints if (each.epoch, each.step) != (payload.epoch, payload.step)]


def _metrics_to_lower(config: dict[str, Any]) -> frozenset[str]:
    metrics = config.get("metrics")
    each_metric = metrics if isinstance(metrics, list) else [metrics]
    return frozenset(
        str(metric.get("name") or metric.get("use"))
        for metric in each_metric
        if isinstance(metric, dict) and metric.get("goal") == "min"
    )
