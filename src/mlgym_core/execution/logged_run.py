"""A run that somebody else trains: one experiment, told by hand into the same log as any other.

Owns the events of that experiment. It knows no component, and never imports torch.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import orjson
import yaml

from mlgym_core.config.settings import LogLevel, RunSettings
from mlgym_core.config.spec import ExperimentSpec, canonical_hash
from mlgym_core.errors import RunError
from mlgym_core.events.files import write_atomically
from mlgym_core.events.folder import GRID_SEARCH_CONFIG, SYSTEM_INFO, EventStorage
from mlgym_core.events.types import EvaluationResult, LossScore, MetricScore
from mlgym_core.execution.environment import environment, machine, versions
from mlgym_core.execution.job import RunContext
from mlgym_core.execution.lifecycle import attempt_started, job_ended, job_started, stop_obeyed
from mlgym_core.execution.log_records import recording
from mlgym_core.execution.process_logs import ProcessLog
from mlgym_core.execution.repository import git_state
from mlgym_core.execution.runner import Grid, OpenRun, Origin, open_run
from mlgym_core.execution.stopping import Stop


@contextmanager
def log_run(config: Mapping[str, Any], settings: RunSettings) -> Iterator[LoggedRun]:
    """A run of one experiment with `config`, alive until it is left; an exception makes it a failed one and goes on.

    Raises:
        StoreError: the event storage cannot be written.
        RunError: `config` holds what JSON cannot.
    """
    with closing(Stop()) as stop, open_run(_grid(config, settings), stop) as opened:
        run = LoggedRun(opened)
        run.start()
        try:
            with run.recording(settings.log_level):
                yield run
        except KeyboardInterrupt:
            run.end_stopped("KeyboardInterrupt")
            raise
        except BaseException as error:  # the boundary to the user's loop: whatever ends it is told, and goes on
            run.end(error=f"{type(error).__name__}: {error}", stacktrace=traceback.format_exc())
            raise
        run.end()


class LoggedRun:
    """Where a training loop of the user's own tells its scores."""

    def __init__(self, opened: OpenRun) -> None:
        self._context: RunContext = opened.context
        [job] = opened.jobs
        self._order = self._context.order(job, device="")
        self._started_at = time.time()

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self._context.run_id

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self._context.folder.path

    def log(self, scores: Mapping[str, float], step: int) -> None:
        """Records scores by `<split>/<name>` at a step, counted from 0; a name that ends in `loss` is one to lower.

        Raises:
            RunError: a score without a split, or a step below 0.
        """
        if step < 0:
            raise RunError(f"step {step} is below 0", code="MG110", hint="steps and epochs count from 0")
        by_split: dict[str, dict[str, float]] = defaultdict(dict)
        for key, value in scores.items():
            split, slash, name = key.partition("/")
            if not (split and slash and name):
                raise RunError(f"score {key!r} names no split", code="MG110", hint=f"for example 'val/{key}'")
            by_split[split][name] = float(value)
        for split, values in by_split.items():
            self._context.publisher.publish(self._result(split, values, step))

    @contextmanager
    def recording(self, level: LogLevel) -> Iterator[None]:
        """Records what is logged while it is entered, from `level` on."""
        experiment_id = self._order.job.spec.experiment_id
        with (
            closing(ProcessLog(self._context.publisher, self.run_id, experiment_id)) as log,
            recording(log, level, keeps_last_resort=True),
        ):
            yield

    def start(self) -> None:
        """Says where it runs, and that it does."""
        experiment_id = self._order.job.spec.experiment_id
        path = self._context.folder.experiment_config_path(experiment_id, SYSTEM_INFO)
        write_atomically(path, orjson.dumps({**machine(), "versions": versions()}, option=orjson.OPT_INDENT_2))
        self._context.publisher.publish(attempt_started(self._order, threads=_num_threads()))
        self._context.publisher.publish(job_started(self._order, started_at=self._started_at))

    def end(self, *, error: str | None = None, stacktrace: str | None = None) -> None:
        """Says that it has ended."""
        ended = job_ended(self._order, started_at=self._started_at, error=error, stacktrace=stacktrace)
        self._context.publisher.publish(ended)

    def end_stopped(self, by: str) -> None:
        """Says that it has ended before its time because somebody asked."""
        self._context.publisher.publish(stop_obeyed(self._order, request=by, by=by))
        self.end(error=f"stopped by {by}")

    def _result(self, split: str, values: Mapping[str, float], step: int) -> EvaluationResult:
        losses = {name: value for name, value in values.items() if name.endswith("loss")}
        metrics = {name: value for name, value in values.items() if name not in losses}
        return EvaluationResult(
            grid_search_id=self.run_id,
            experiment_id=self._order.job.spec.experiment_id,
            epoch=step,
            metric_scores=[MetricScore(metric=name, split=split, score=value) for name, value in metrics.items()],
            loss_scores=[LossScore(loss=name, split=split, score=value) for name, value in losses.items()],
        )


def _grid(config: Mapping[str, Any], settings: RunSettings) -> Grid:
    try:
        plain: dict[str, Any] = orjson.loads(orjson.dumps(dict(config)))
    except TypeError as error:
        raise RunError(
            f"the configuration holds what JSON cannot: {error}", code="MG111", hint="use plain values, lists and dicts"
        ) from error
    return Grid(
        specs=[ExperimentSpec(experiment_id=0, config=plain, config_hash=canonical_hash(plain))],
        devices=[],
        files={GRID_SEARCH_CONFIG: yaml.safe_dump(plain, sort_keys=False)},
        description=str(plain.get("description", "")),
        origin=Origin(entry_command=sys.argv, environment=environment(), git=git_state(Path())),
        storage=EventStorage(settings.event_storage),
        servers=settings.servers,
        rest=next(iter(settings.servers), None),
        system_metrics_every=settings.system_metrics_every,
        log_level=settings.log_level,
        durability=settings.durability,
        resume_points=settings.resume_points,
    )


def _num_threads() -> int:
    """The threads of torch, where the user's loop has loaded it; else those of this process's own code."""
    torch = sys.modules.get("torch")
    return 1 if torch is None else int(torch.get_num_threads())
