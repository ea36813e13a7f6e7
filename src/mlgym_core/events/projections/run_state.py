"""What is known of a run after its first n events, as the board and the command line show it.

Owns the structs of that state, which are also what the board is sent. It must not know how they come to be.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

from mlgym_core.errors import RunError
from mlgym_core.events.descriptions import ModelDescription, PipelineNode, SplitDescription
from mlgym_core.events.lock import Liveness
from mlgym_core.events.projections.energy import Energy, Power
from mlgym_core.events.types import Resource, RunEnded, RunStarted, SystemMetrics

Status: TypeAlias = Literal["pending", "running", "finished", "failed", "stopped"]
RunStatus: TypeAlias = Literal["pending", "running", "finished", "failed", "stopped", "lost"]

PROCESS_LOST = "process lost"
"""The error of an experiment whose process is gone and left no other word."""


class ScoreAt(msgspec.Struct, frozen=True, kw_only=True):
    """A score and the epoch that it is of."""

    value: float | None = msgspec.field()
    epoch: int


class CheckpointState(msgspec.Struct, frozen=True, kw_only=True):
    """A checkpoint whose files are there; `saved_at` in seconds since the epoch.

    `batch` counts those done of the epoch, and is None at its end.
    """

    epoch: int
    step: int
    batch: int | None = None
    kept_as: list[str]
    weights_sha256: str
    resources: list[Resource]
    saved_at: float


class ExperimentRow(msgspec.Struct, kw_only=True):
    """One experiment in a table. Times are seconds since the epoch; scores are named `<split>/<metric or loss>`."""

    experiment_id: int
    status: Status = "pending"
    num_epochs: int | None = None
    epochs_done: int = 0
    phase: Literal["train", "evaluation"] | None = None
    current_epoch: int | None = None
    current_split: str | None = None
    current_batch: int | None = None
    num_batches: int | None = None
    device: str | None = None
    started_at: float | None = None
    finished_at: float | None = None
    attempt: int = 0
    error: str | None = None
    best: dict[str, ScoreAt] = {}
    last: dict[str, ScoreAt] = {}
    num_log_lines: int = 0


class ExperimentState(ExperimentRow, kw_only=True):
    """All that is known of one experiment."""

    config: dict[str, Any] = {}
    stacktrace: str | None = None
    host: str | None = None
    pid: int | None = None
    threads: int | None = None
    versions: dict[str, str] = {}
    job_id: str | None = None
    checkpoints: list[CheckpointState] = []
    model: ModelDescription | None = None
    data: dict[str, SplitDescription] = {}
    pipeline: list[PipelineNode] = []
    energy: Energy = Energy()


class RunState(msgspec.Struct, kw_only=True):
    """All that is known of a run; `is_stopped` and `stopped_experiments` say who obeyed when asked to stop.

    `power` is what the machine drew last, and `measured_at` up to when the `training` experiments' energy is counted.
    """

    run_id: str = ""
    num_events: int = 0
    started: RunStarted | None = None
    ended: RunEnded | None = None
    started_at: float | None = None
    ended_at: float | None = None
    last_event_at: float | None = None
    experiments: dict[int, ExperimentState] = {}
    system: SystemMetrics | None = None
    num_log_lines: int = 0
    num_dropped: int = 0
    num_divergences: int = 0
    is_stopped: bool = False
    stopped_experiments: set[int] = set()
    training: set[int] = set()
    power: Power | None = None
    measured_at: float | None = None

    def find(self, experiment_id: int) -> ExperimentState:
        """An experiment. Raises RunError where the run has none of that number."""
        found = self.experiments.get(experiment_id)
        if found is None:
            known = ", ".join(str(each) for each in sorted(self.experiments)) or "none"
            raise RunError(
                f"run {self.run_id} has no experiment {experiment_id}", code="MG121", hint=f"its experiments: {known}"
            )
        return found


class RunSummary(msgspec.Struct, kw_only=True):
    """One run in a list. `counts` maps each status to the number of experiments that have it.

    `system` is the latest sample of its machine. `num_dropped` events of full spools and lines beyond the rate were let
    go, and `num_divergences` times a repeated attempt gave other content than the one before.
    """

    run_id: str
    status: RunStatus
    num_experiments: int
    counts: dict[Status, int]
    started_at: float | None
    ended_at: float | None
    last_event_at: float | None
    num_events: int
    description: str | None
    config_hash: str
    entry_command: list[str]
    system: SystemMetrics | None
    num_log_lines: int
    num_dropped: int
    num_divergences: int


class RunSnapshot(msgspec.Struct, kw_only=True):
    """A run whole, after `offset` events. `parameters` has what differs between experiments, by dotted path.

    All but `liveness` is what the events say: whether the run lives is laid over it where it is shown.
    """

    offset: int
    liveness: Liveness
    run: RunSummary
    experiments: list[ExperimentRow]
    parameters: dict[str, dict[str, Any]]


class RunDelta(msgspec.Struct, kw_only=True):
    """What the events from `from_offset` up to `offset` changed: rows replace rows, and a point one of its epoch."""

    run_id: str
    from_offset: int
    offset: int
    liveness: Liveness
    run: RunSummary
    experiments: list[ExperimentRow]
    points: list[tuple[int, str, int, float | None]]
