"""The fold that makes a run's state out of its events.

Pure: the same events give the same state, at whatever pace they come. It must not know how a log is stored, or who
looks at the state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from mlgym_core.errors import StoreError
from mlgym_core.events.codec import decode_event
from mlgym_core.events.codes import DAMAGED
from mlgym_core.events.projections.attempts import (
    add_checkpoint,
    begin,
    begin_attempt,
    drop_checkpoint,
    finish,
    follow,
)
from mlgym_core.events.projections.columns import INDEXES, Columns
from mlgym_core.events.projections.measuring import forget_training, measure, take_sample
from mlgym_core.events.projections.run_state import PROCESS_LOST, ExperimentState, RunState, ScoreAt, Status
from mlgym_core.events.projections.samples import sample_values
from mlgym_core.events.projections.scores import add_score, is_to_lower, metric_goals
from mlgym_core.events.types import (
    AttemptStarted,
    CheckpointDeleted,
    CheckpointSaved,
    ControlAnswered,
    Divergence,
    Dropped,
    EvaluationResult,
    Event,
    ExperimentConfig,
    ExperimentDescribed,
    ExperimentStatus,
    JobStatus,
    LogLines,
    RunEnded,
    RunStarted,
    SystemMetrics,
)

_CALCULATION = 1
_NO_DEVICE = ("", "None")
_TIMES_US = range(-(2**63), 2**63)
_NOTHING: frozenset[int] = frozenset()
_NO_GOALS: dict[str, str] = {}


class RunFold:
    """The state after the events that were applied, in the order of the log. Not for two threads at once.

    `size_bytes` is how much of the log they take up.
    """

    def __init__(self, state: RunState | None = None, columns: Columns | None = None, size_bytes: int = 0) -> None:
        self.state = state or RunState()
        self.columns = columns or Columns()
        self.size_bytes = size_bytes
        self._goals = {key: metric_goals(each.config) for key, each in self.state.experiments.items()}

    def feed(self, lines: Iterable[bytes]) -> frozenset[int]:
        """Applies the lines that follow on those before; the ids of the experiments that they touched.

        Raises:
            StoreError: a line holds no event; those before it were applied.
        """
        touched: set[int] = set()
        for line in lines:
            touched |= self.apply(self._decode(line), len(line) + 1)
        return frozenset(touched)

    def apply(self, event: Event | None, num_bytes: int) -> frozenset[int]:
        """Applies one event, None for one that this version cannot read; the ids of the experiments that it touched.

        `num_bytes` is the size of its line with the newline.
        """
        touched = _NOTHING if event is None else self._take(event)
        self.state.num_events += 1
        self.size_bytes += num_bytes
        return touched

    def _take(self, event: Event) -> frozenset[int]:
        state = self.state
        payload = event.payload
        at = event.creation_ts / 1e6 if event.creation_ts in _TIMES_US else 0.0
        state.last_event_at = at
        if not state.run_id:
            state.run_id = payload.grid_search_id
            state.started_at = at
        step = _STEPS.get(type(payload))
        experiment_id = getattr(payload, "experiment_id", None)
        if step is None or (experiment_id is not None and experiment_id not in INDEXES):
            return _NOTHING
        return step(self, payload, at)

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
        if self.state.started is None:  # one that goes on began when it began first
            self.state.started_at = at
        self.state.started = payload
        forget_training(self.state)
        self.state.ended = self.state.ended_at = None
        self.state.is_stopped = False
        return _NOTHING

    def _end_run(self, payload: RunEnded, at: float) -> frozenset[int]:
        if payload.reason != "lost":  # who records that may come days later
            measure(self.state, at)
        forget_training(self.state)
        self.state.ended = payload
        self.state.ended_at = at
        if payload.reason not in ("stopped", "lost"):
            return _NOTHING
        running = [each for each in self.state.experiments.values() if each.status == "running"]
        for experiment in running:
            finish(experiment, at)
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
        self._goals[payload.experiment_id] = metric_goals(payload.config)
        return frozenset((payload.experiment_id,))

    def _describe(self, payload: ExperimentDescribed, _at: float) -> frozenset[int]:
        experiment = self._experiment(payload.experiment_id)
        experiment.model, experiment.data, experiment.pipeline = payload.model, payload.data, payload.pipeline
        return frozenset((payload.experiment_id,))

    def _start_attempt(self, payload: AttemptStarted, at: float) -> frozenset[int]:
        measure(self.state, at)
        experiment = self._experiment(payload.experiment_id)
        self.state.training.add(payload.experiment_id)
        self.state.stopped_experiments.discard(payload.experiment_id)
        begin_attempt(experiment, payload, at)
        return frozenset((payload.experiment_id,))

    def _follow_job(self, payload: JobStatus, at: float) -> frozenset[int]:
        if payload.job_type != _CALCULATION:
            return _NOTHING
        experiment = self._experiment(payload.experiment_id)
        experiment.job_id = payload.job_id
        if payload.device not in _NO_DEVICE:
            experiment.device = payload.device
        if payload.status == "DONE":
            measure(self.state, at)
            self.state.training.discard(payload.experiment_id)
            finish(experiment, payload.finishing_time if payload.finishing_time > 0 else at)
            experiment.error = payload.error or None
            experiment.stacktrace = payload.stacktrace or None
            experiment.status = self._outcome(experiment)
        else:
            begin(experiment, payload.starting_time if payload.starting_time > 0 else at)
            if payload.status == "INIT":
                self.state.stopped_experiments.discard(payload.experiment_id)
                experiment.status = "pending"
                experiment.started_at = None
        return frozenset((payload.experiment_id,))

    def _outcome(self, experiment: ExperimentState) -> Status:
        if experiment.error is None:
            return "finished"
        return (
            "stopped"
            if self.state.is_stopped or experiment.experiment_id in self.state.stopped_experiments
            else "failed"
        )

    def _follow_progress(self, payload: ExperimentStatus, _at: float) -> frozenset[int]:
        experiment = self._experiment(payload.experiment_id)
        follow(experiment, payload)
        return frozenset((payload.experiment_id,))

    def _add_scores(self, payload: EvaluationResult, _at: float) -> frozenset[int]:
        if payload.epoch not in INDEXES:
            return _NOTHING
        experiment = self._experiment(payload.experiment_id)
        experiment.epochs_done = max(experiment.epochs_done, payload.epoch + 1)
        goals = self._goals.get(payload.experiment_id, _NO_GOALS)
        for metric in payload.metric_scores:
            key = f"{metric.split}/{metric.metric}"
            self._add_score(experiment, key, payload.epoch, metric.score, is_to_lower(metric.metric, goals))
        for loss in payload.loss_scores:
            self._add_score(experiment, f"{loss.split}/{loss.loss}", payload.epoch, loss.score, True)
        return frozenset((payload.experiment_id,))

    def _add_score(
        self, experiment: ExperimentState, key: str, epoch: int, value: float | None, is_to_lower: bool
    ) -> None:
        column = self.columns.score(experiment.experiment_id, key)
        score = ScoreAt(value=value, epoch=epoch)
        add_score(experiment, key, column, self.state.num_events, score, is_to_lower=is_to_lower)

    def _add_checkpoint(self, payload: CheckpointSaved, at: float) -> frozenset[int]:
        experiment = self._experiment(payload.experiment_id)
        add_checkpoint(experiment, payload, at)
        return frozenset((payload.experiment_id,))

    def _drop_checkpoint(self, payload: CheckpointDeleted, _at: float) -> frozenset[int]:
        experiment = self._experiment(payload.experiment_id)
        drop_checkpoint(experiment, payload)
        return frozenset((payload.experiment_id,))

    def _answer(self, payload: ControlAnswered, _at: float) -> frozenset[int]:
        if payload.action != "stop" or not payload.obeyed:
            return _NOTHING
        if payload.experiment_id is None:
            self.state.is_stopped = True
            return _NOTHING
        self.state.stopped_experiments.add(payload.experiment_id)
        experiment = self._experiment(payload.experiment_id)
        if experiment.status == "failed":
            experiment.status = "stopped"
        return frozenset((payload.experiment_id,))

    def _add_sample(self, payload: SystemMetrics, at: float) -> frozenset[int]:
        self.state.system = payload
        take_sample(self.state, payload, at)
        self.columns.add_sample(self.state.num_events, at, sample_values(payload))
        return _NOTHING

    def _add_log_lines(self, payload: LogLines, _at: float) -> frozenset[int]:
        self.columns.add_lines(self.state.num_events, (payload.experiment_id, payload.stream), self.size_bytes)
        self.state.num_log_lines += len(payload.lines)
        if payload.experiment_id is None:
            return _NOTHING
        self._experiment(payload.experiment_id).num_log_lines += len(payload.lines)
        return frozenset((payload.experiment_id,))

    def _count_dropped(self, payload: Dropped, _at: float) -> frozenset[int]:
        self.state.num_dropped += payload.count
        return _NOTHING

    def _count_divergence(self, _payload: Divergence, _at: float) -> frozenset[int]:
        self.state.num_divergences += 1
        return _NOTHING


_Step: TypeAlias = Callable[[RunFold, Any, float], frozenset[int]]

_STEPS: dict[type, _Step] = {
    RunStarted: RunFold._start_run,
    RunEnded: RunFold._end_run,
    ExperimentConfig: RunFold._configure,
    ExperimentDescribed: RunFold._describe,
    AttemptStarted: RunFold._start_attempt,
    JobStatus: RunFold._follow_job,
    ExperimentStatus: RunFold._follow_progress,
    EvaluationResult: RunFold._add_scores,
    CheckpointSaved: RunFold._add_checkpoint,
    CheckpointDeleted: RunFold._drop_checkpoint,
    ControlAnswered: RunFold._answer,
    SystemMetrics: RunFold._add_sample,
    LogLines: RunFold._add_log_lines,
    Dropped: RunFold._count_dropped,
    Divergence: RunFold._count_divergence,
}
