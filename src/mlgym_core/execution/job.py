"""What an executor is given and what it tells: jobs, the context of a run, and the words between runner and worker.

Plain data and a Protocol; knows nothing of processes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

from mlgym_core.config.settings import LogLevel, ResumePoints
from mlgym_core.config.spec import ExperimentSpec
from mlgym_core.config.sweeps import Point
from mlgym_core.errors import Diagnostic
from mlgym_core.events.durability import Durability
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.projections.positions import Known
from mlgym_core.events.spool import Publisher
from mlgym_core.execution.registrations import Registrations
from mlgym_core.execution.stopping import Stop

EndState: TypeAlias = Literal["finished", "failed", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What is held against the components of today where a run goes on.

    `experiment_ids` say which experiment each point of the request is. `given` are the points of a configuration file
    called `file` that should still mean what was recorded of all experiments, which `configs` are.
    """

    experiment_ids: Sequence[int]
    file: str = ""
    given: Sequence[Point] = ()
    configs: Mapping[int, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What preflight is asked to check: the points of a grid, the GPUs asked for, and what is known to be wrong.

    Where a run goes on the points are those that it `recorded`.
    """

    points: Sequence[Point]
    registrations: Registrations
    device_ids: tuple[int, ...] | None = None
    faults: Sequence[Diagnostic] = ()
    recorded: Recorded | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What preflight found: experiments that can be trained, and the devices for them."""

    specs: Sequence[ExperimentSpec]
    devices: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One experiment to train; `known` is what the log has of it, where this is not its first attempt."""

    spec: ExperimentSpec
    job_id: str
    attempt: int = 1
    known: Known | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """What all jobs of a run share; `devices` are torch device names, used in turn."""

    run_id: str
    folder: RunFolder
    publisher: Publisher
    devices: Sequence[str]
    stop: Stop
    fail_fast: bool
    log_level: LogLevel
    resume_points: ResumePoints
    durability: Durability

    def order(self, job: Job, device: str) -> Order:
        """What whoever trains `job` on `device` is told."""
        return Order(
            job=job,
            run_id=self.run_id,
            folder=self.folder,
            device=device,
            log_level=self.log_level,
            resume_points=self.resume_points,
            durability=self.durability,
        )


class Executor(Protocol):
    """Trains jobs somewhere; publishes what becomes of them, and nothing of its own means to do so."""

    def run(self, jobs: Sequence[Job], context: RunContext) -> None:
        """Returns when every job has ended or the run was asked to stop; jobs that were not begun stay pending."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """To a worker: train this, and record what it logs from `log_level` on."""

    job: Job
    run_id: str
    folder: RunFolder
    device: str
    log_level: LogLevel
    resume_points: ResumePoints
    durability: Durability


@dataclass(frozen=True, slots=True, kw_only=True)
class StopOrder:
    """To a worker: end after the running epoch, because of `request` by `by`."""

    request: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """From a worker: the experiment has ended, and all about it is published."""

    experiment_id: int
    state: EndState
