"""One run from its checked experiments to its last event, whether it is new or goes on.

Owns the run's folder, its files and the events that speak of the run as a whole. It must not know how an experiment is
trained, nor where; it never imports torch.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import orjson

from mlgym_core.config.settings import LogLevel, ResumePoints
from mlgym_core.config.spec import ExperimentSpec, canonical_hash
from mlgym_core.events.durability import Durability
from mlgym_core.events.files import write_atomically
from mlgym_core.events.folder import EventStorage, RunFolder
from mlgym_core.events.projections.run_fold import RunFold
from mlgym_core.events.projections.run_state import RunState
from mlgym_core.events.spool import Spool
from mlgym_core.events.types import ExperimentConfig, JobStatus, LogLines, RunEnded, RunStarted
from mlgym_core.execution.drain import Drain
from mlgym_core.execution.job import Executor, Job, RunContext
from mlgym_core.execution.past import Past
from mlgym_core.execution.stopping import FAIL_FAST, Stop, StopSignals
from mlgym_core.execution.system_metrics import SystemSampling
from mlgym_core.execution.transport import Transport, create_run, find_token, open_transport
from mlgym_core.execution.watching import View, Watcher


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a run comes from: the command that started it, the machine and its versions, the state of the code."""

    entry_command: Sequence[str]
    environment: Mapping[str, Any]
    git: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Experiments that were checked, and all that is recorded with them.

    `files` maps the names of the run's configuration files to their texts; `rest` is where the files go that belong to
    events, where `servers` are named. Of a run that goes on, `past` is what its log has, and `changes` are the
    circumstances that are others now.
    """

    specs: Sequence[ExperimentSpec]
    devices: Sequence[str]
    files: Mapping[str, str]
    description: str
    origin: Origin
    storage: EventStorage
    servers: Sequence[str] = ()
    rest: str | None = None
    fail_fast: bool = False
    system_metrics_every: float
    log_level: LogLevel
    durability: Durability
    resume_points: ResumePoints
    past: Past | None = None
    changes: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """A run that has ended.

    `trained` are the experiments that were begun or gone on with; none where there was nothing to do. `num_waiting`
    events could not be sent to a server; they wait in `folder`.
    """

    run_id: str
    folder: Path
    fold: RunFold
    trained: Sequence[int] = ()
    num_waiting: int = 0

    @property
    def state(self) -> RunState:
        """All that the log tells of the run."""
        return self.fold.state

    @property
    def status(self) -> str:
        """`finished`, `failed` where an experiment did, or `stopped`."""
        return self.state.ended.reason if self.state.ended else "lost"

    @property
    def is_success(self) -> bool:
        """Whether every experiment that was trained has finished."""
        return all(self.state.experiments[each].status == "finished" for each in self.trained)


def run_grid(grid: Grid, executor: Executor, watchers: Sequence[Watcher]) -> RunResult:
    """Trains the grid as a new run; while it does, SIGINT and SIGTERM end it with its events complete.

    Raises:
        StoreError: the event storage, or later the log, cannot be written.
    """
    with closing(Stop()) as stop, StopSignals(stop):
        with open_run(grid, stop, watchers) as run:
            executor.run(run.jobs, run.context)
        return run.result


def continue_run(
    grid: Grid, folder: RunFolder, transport: Transport, executor: Executor, watchers: Sequence[Watcher]
) -> RunResult:
    """Trains the grid as what is left of the run in `folder`, whose log `transport` holds; else as `run_grid`.

    Raises:
        StoreError: the log cannot be written.
    """
    with closing(Stop()) as stop, StopSignals(stop):
        with under_way(OpenRun(grid, folder, transport, stop, watchers), stop) as run:
            executor.run(run.jobs, run.context)
        return run.result


@contextmanager
def open_run(grid: Grid, stop: Stop, watchers: Sequence[Watcher] = ()) -> Iterator[OpenRun]:
    """A run that has started, and that has ended with all its events when this is left, however that happens.

    Raises:
        StoreError: the event storage, or later the log, cannot be written.
    """
    token = find_token(grid.servers)
    created = create_run(grid.storage, grid.servers, grid.rest, token)
    # Training may change the directory that this process, or a worker's, is in.
    folder = RunFolder(created.path.absolute())
    with (
        closing(open_transport(folder, grid.servers, grid.rest, token, grid.durability)) as transport,
        under_way(OpenRun(grid, folder, transport, stop, watchers), stop) as run,
    ):
        yield run


@contextmanager
def under_way(run: OpenRun, stop: Stop) -> Iterator[OpenRun]:
    """`run` from its start to its end, its events carried on meanwhile."""
    run.start()
    try:
        drain = Drain(run.carry, on_failure=lambda: stop.ask_gently("an event log that cannot be written"))
        with drain, run.sampling():
            yield run
    finally:
        run.end()


class OpenRun:
    """A run under way: its jobs, what they share, and in the end its result."""

    def __init__(
        self, grid: Grid, folder: RunFolder, transport: Transport, stop: Stop, watchers: Sequence[Watcher]
    ) -> None:
        self._grid = grid
        self._folder = folder
        self._transport = transport
        self._stop = stop
        self._watchers = watchers
        self._view = View(folder, watchers)
        self._publisher = Spool(folder)
        self._num_waiting = 0
        self.jobs = [self._job(spec) for spec in grid.specs]

    @property
    def context(self) -> RunContext:
        """What the jobs share."""
        return RunContext(
            run_id=self._folder.run_id,
            folder=self._folder,
            publisher=self._publisher,
            devices=self._grid.devices,
            stop=self._stop,
            fail_fast=self._grid.fail_fast,
            log_level=self._grid.log_level,
            resume_points=self._grid.resume_points,
            durability=self._grid.durability,
        )

    @property
    def result(self) -> RunResult:
        """What came of it, as far as the log tells."""
        return RunResult(
            run_id=self._folder.run_id,
            folder=self._folder.path,
            fold=self._view.fold,
            trained=self._experiment_ids,
            num_waiting=self._num_waiting,
        )

    def start(self) -> None:
        """Writes its files, and publishes its start and its experiments."""
        past = self._grid.past
        if past is None:
            for name, text in self._grid.files.items():
                write_atomically(self._folder.config_path(name), text)
        elif past.is_lost:
            self._publisher.publish(past.lost())
        # A configuration lies there before it is told of.
        changed = {job.spec.experiment_id: job.spec for job in self.jobs if past is None or not past.has(job.spec)}
        for spec in changed.values():
            content = orjson.dumps(spec.config, option=orjson.OPT_INDENT_2)
            write_atomically(self._folder.experiment_config_path(spec.experiment_id), content)
        self._publish_start()
        for job in self.jobs:
            self._publish_job(job, with_config=job.spec.experiment_id in changed)
        if self._grid.changes:
            warning = LogLines(
                grid_search_id=self._folder.run_id, stream="logging", level="WARNING", lines=list(self._grid.changes)
            )
            self._publisher.publish(warning)
        for watcher in self._watchers:
            watcher.begin(self._folder, self._experiment_ids)

    def sampling(self) -> SystemSampling:
        """Samples of this machine while it is entered."""
        return SystemSampling(self._folder, self._publisher, self._grid.system_metrics_every)

    def carry(self) -> None:
        """Carries on what was published so far, and shows it."""
        self._transport.carry()
        self._view.look()

    def end(self) -> None:
        """Publishes its end, when nothing trains any more, and carries on the rest."""
        self._transport.take_up()
        self._view.look()
        counts: Counter[str] = Counter(each.status for each in self._view.fold.state.experiments.values())
        self._publisher.publish(
            RunEnded(grid_search_id=self._folder.run_id, reason=self._reason(counts), counts=dict(counts))
        )
        self._publisher.close()
        self._num_waiting = self._transport.finish()
        self._view.look()

    @property
    def _experiment_ids(self) -> list[int]:
        return [job.spec.experiment_id for job in self.jobs]

    @property
    def _num_experiments(self) -> int:
        past = self._grid.past
        return len(self.jobs) if past is None else len(past.state.experiments)

    def _job(self, spec: ExperimentSpec) -> Job:
        job_id, past = f"{self._folder.run_id}-{spec.experiment_id}", self._grid.past
        if past is None:
            return Job(spec=spec, job_id=job_id)
        known = past.known_of(spec.experiment_id)
        return Job(spec=spec, job_id=job_id, attempt=known.attempt + 1, known=known)

    def _publish_start(self) -> None:
        grid, origin = self._grid, self._grid.origin
        hashes = {} if grid.past is None else grid.past.config_hashes()
        hashes |= {spec.experiment_id: spec.config_hash for spec in grid.specs}
        self._publisher.publish(
            RunStarted(
                grid_search_id=self._folder.run_id,
                config_hash=canonical_hash([hashes[each] for each in sorted(hashes)]),
                source={name: hashlib.sha256(text.encode()).hexdigest() for name, text in grid.files.items()},
                entry_command=list(origin.entry_command),
                num_experiments=self._num_experiments,
                git=dict(origin.git) if origin.git else None,
                environment=dict(origin.environment),
                description=grid.description or None,
            )
        )

    def _publish_job(self, job: Job, *, with_config: bool) -> None:
        run_id, number = self._folder.run_id, job.spec.experiment_id
        if with_config:
            self._publisher.publish(
                ExperimentConfig(grid_search_id=run_id, experiment_id=number, job_id=number, config=job.spec.config)
            )
        self._publisher.publish(
            JobStatus(grid_search_id=run_id, experiment_id=number, job_id=job.job_id, status="INIT")
        )

    def _reason(self, counts: Mapping[str, int]) -> Literal["finished", "failed", "stopped"]:
        if counts.get("finished", 0) == self._num_experiments:
            return "finished"
        was_stopped = self._stop.by != FAIL_FAST if self._stop.asked else not counts.get("failed")
        return "stopped" if was_stopped else "failed"
