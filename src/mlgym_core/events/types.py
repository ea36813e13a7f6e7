"""The facts that a run may publish: one struct for each event type, nothing else.

Names, meanings and units are those of the events contract: times in a payload are seconds unless the name says
otherwise, `creation_ts` is microseconds since the epoch. Adding a field with a default is compatible; a rename is a
new type. Nothing here knows how an event is stored or sent.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

from mlgym_core.events.descriptions import ModelDescription, PipelineNode, SplitDescription


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """What all facts have in common: the run they speak of. `event_type` is the struct's tag."""

    grid_search_id: str


class ExperimentConfig(Payload, frozen=True, kw_only=True):
    """The resolved configuration of one experiment."""

    experiment_id: int
    job_id: int
    config: dict[str, Any]


class ExperimentDescribed(Payload, frozen=True, kw_only=True):
    """What an experiment is about to train, and on what; told once, before its first epoch."""

    experiment_id: int
    model: ModelDescription
    data: dict[str, SplitDescription]
    pipeline: list[PipelineNode]


JobState: TypeAlias = Literal["INIT", "RUNNING", "DONE"]


class JobStatus(Payload, frozen=True, kw_only=True):
    """A job's life; a failed or stopped experiment is DONE with `error` set. Unknown times are -1."""

    experiment_id: int
    job_id: str
    job_type: int = 1
    status: JobState
    starting_time: float = -1
    finishing_time: float = -1
    device: str = ""
    error: str | None = None
    stacktrace: str | None = None


class ExperimentStatus(Payload, frozen=True, kw_only=True):
    """Progress, about ten an epoch and split; epochs and batches count from 0."""

    experiment_id: int
    status: Literal["train", "evaluation"]
    num_epochs: int
    current_epoch: int
    splits: list[str]
    current_split: str
    num_batches: int
    current_batch: int


class MetricScore(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A score over a whole split; a line holds null and `not_finite` ("nan", "inf", "-inf") for no finite number."""

    metric: str
    split: str
    score: float | None = msgspec.field()
    not_finite: str | None = None


class LossScore(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A mean loss over a whole split; null and `not_finite` as in `MetricScore`."""

    loss: str
    split: str
    score: float | None = msgspec.field()
    not_finite: str | None = None


class EvaluationResult(Payload, frozen=True, kw_only=True):
    """All scores of one split after epoch `epoch`."""

    experiment_id: int
    epoch: int
    metric_scores: list[MetricScore]
    loss_scores: list[LossScore]


class RunStarted(Payload, frozen=True, kw_only=True):
    """A run's first fact; `source` maps the names of its configuration files to their SHA-256."""

    config_hash: str
    source: dict[str, str]
    entry_command: list[str]
    num_experiments: int
    git: dict[str, Any] | None = None
    environment: dict[str, Any]
    description: str | None = None


class RunEnded(Payload, frozen=True, kw_only=True):
    """A run's last fact; `counts` maps states of experiments to numbers of them."""

    reason: Literal["finished", "failed", "stopped", "lost"]
    counts: dict[str, int]


class AttemptStarted(Payload, frozen=True, kw_only=True):
    """A process took up an experiment; attempts count from 1."""

    experiment_id: int
    attempt: int
    device: str
    host: str
    pid: int
    resumed_from: dict[str, Any] | None = None
    threads: int
    versions: dict[str, str]


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a checkpoint."""

    name: str
    size_bytes: int
    sha256: str


class Checkpoint(Payload, frozen=True, kw_only=True):
    """What the facts about a checkpoint say; `step` counts the optimizer's steps taken so far.

    `batch` counts those done of the epoch, and is None at its end.
    """

    experiment_id: int
    epoch: int
    step: int
    batch: int | None = None
    resources: list[Resource]
    weights_sha256: str
    kept_as: list[str]


class CheckpointSaved(Checkpoint, frozen=True, kw_only=True):
    """A checkpoint whose files are complete."""


class CheckpointDeleted(Checkpoint, frozen=True, kw_only=True):
    """A checkpoint whose files are gone, or are about to go."""


class ControlRequested(Payload, frozen=True, kw_only=True):
    """Somebody asked the run, or one experiment of it, to do something."""

    experiment_id: int | None = None
    action: str
    by: str
    request: str


class ControlAnswered(Payload, frozen=True, kw_only=True):
    """What became of a request."""

    experiment_id: int | None = None
    action: str
    by: str
    request: str
    obeyed: bool
    why: str | None = None


Stream: TypeAlias = Literal["stdout", "stderr", "logging"]


class LogLines(Payload, frozen=True, kw_only=True):
    """What a training process wrote."""

    experiment_id: int | None = None
    stream: Stream
    level: str | None = None
    lines: list[str]


class Dropped(Payload, frozen=True, kw_only=True):
    """How much progress a full spool let go, or how many lines a process wrote beyond the rate."""

    experiment_id: int | None = None
    event_type: str
    count: int


class Divergence(Payload, frozen=True, kw_only=True):
    """A repeated attempt gave other content at `key`, such as `evaluation_result/3/val`, than the log has."""

    experiment_id: int
    key: str
    stored: dict[str, Any]
    repeated: dict[str, Any]


class GpuUse(msgspec.Struct, frozen=True, kw_only=True):
    """One GPU of the machine: its use in percent, its memory in bytes, what it draws in watts."""

    index: int
    name: str
    percent: float | None = None
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    power_watts: float | None = None


class DiskUse(msgspec.Struct, frozen=True, kw_only=True):
    """The disk of the event storage, and what the machine read and wrote a second since the last sample."""

    used_bytes: int
    total_bytes: int
    read_bytes_per_s: float | None = None
    written_bytes_per_s: float | None = None


class NetworkUse(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine sent and received a second since the last sample."""

    sent_bytes_per_s: float
    received_bytes_per_s: float


class SystemMetrics(Payload, frozen=True, kw_only=True):
    """A sample of the machine a run is on: `rss_bytes` is the memory of the run's own processes together."""

    host: str
    cpu_percent: float
    rss_bytes: int
    memory_used_bytes: int
    memory_total_bytes: int
    gpus: list[GpuUse] = []
    disk: DiskUse | None = None
    network: NetworkUse | None = None


class RunTrashed(Payload, frozen=True, kw_only=True):
    """The last fact of a log before its run goes to the trash."""

    by: str


PAYLOADS: dict[str, type[Payload]] = {
    "experiment_config": ExperimentConfig,
    "experiment_described": ExperimentDescribed,
    "job_status": JobStatus,
    "experiment_status": ExperimentStatus,
    "evaluation_result": EvaluationResult,
    "run_started": RunStarted,
    "run_ended": RunEnded,
    "attempt_started": AttemptStarted,
    "checkpoint_saved": CheckpointSaved,
    "checkpoint_deleted": CheckpointDeleted,
    "control_requested": ControlRequested,
    "control_answered": ControlAnswered,
    "log": LogLines,
    "dropped": Dropped,
    "divergence": Divergence,
    "system_metrics": SystemMetrics,
    "run_trashed": RunTrashed,
}
"""Every event type by its name on the wire."""

EVENT_TYPES: dict[type[Payload], str] = {payload: name for name, payload in PAYLOADS.items()}

PROGRESS_TYPES = (ExperimentStatus, SystemMetrics, LogLines)
"""What may be dropped where a spool is full: nothing that anyone resumes from or compares."""

VERSION_1_TYPES = frozenset({"experiment_config", "job_status", "experiment_status", "evaluation_result"})
"""The types that clients of version 1 know; they throw on any other."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event with its payload decoded."""

    event_type: str
    creation_ts: int
    payload: Payload
