"""Which tables a run is exported as, and the rows that each event adds to them.

Owns names, columns and units, which are those of the events: times in seconds, but for `creation_ts` in microseconds.
It must not know how a table is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec
import pyarrow as pa

from mlgym_core.events.types import (
    CheckpointDeleted,
    CheckpointSaved,
    Dropped,
    EvaluationResult,
    JobStatus,
    LogLines,
    Payload,
    SystemMetrics,
)

Row: TypeAlias = tuple[Any, ...]

_OF_EVENT = (("event_id", pa.int64()), ("creation_ts", pa.int64()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table that grows with the log: each row begins with the `event_id` and `creation_ts` of its event.

    `rows` gives the rest of the rows that an event of a type adds.
    """

    name: str
    schema: pa.Schema
    rows: dict[type[Payload], Callable[[Any], Iterator[Row]]]


def _table(name: str, columns: dict[str, pa.DataType], rows: dict[type[Payload], Any]) -> Table:
    return Table(name=name, schema=pa.schema([*_OF_EVENT, *columns.items()]), rows=rows)


def _scores(result: EvaluationResult) -> Iterator[Row]:
    named = [(each.metric, each) for each in result.metric_scores] + [(each.loss, each) for each in result.loss_scores]
    for name, each in named:
        key = f"{each.split}/{name}"
        yield result.experiment_id, key, each.split, name, result.epoch, each.score, each.not_finite


def _checkpoint(checkpoint: CheckpointSaved | CheckpointDeleted) -> Iterator[Row]:
    yield (
        checkpoint.experiment_id,
        checkpoint.epoch,
        checkpoint.step,
        "deleted" if isinstance(checkpoint, CheckpointDeleted) else "saved",
        msgspec.json.encode(checkpoint.kept_as).decode(),
        checkpoint.weights_sha256,
        sum(each.size_bytes for each in checkpoint.resources),
        msgspec.json.encode([{"name": each.name, "sha256": each.sha256} for each in checkpoint.resources]).decode(),
    )


def _system(sample: SystemMetrics) -> Iterator[Row]:
    disk, network = sample.disk, sample.network
    yield (
        sample.host,
        sample.cpu_percent,
        sample.rss_bytes,
        sample.memory_used_bytes,
        sample.memory_total_bytes,
        disk.used_bytes if disk else None,
        disk.total_bytes if disk else None,
        disk.read_bytes_per_s if disk else None,
        disk.written_bytes_per_s if disk else None,
        network.sent_bytes_per_s if network else None,
        network.received_bytes_per_s if network else None,
    )


def _gpus(sample: SystemMetrics) -> Iterator[Row]:
    for gpu in sample.gpus:
        memory = gpu.memory_used_bytes, gpu.memory_total_bytes
        yield sample.host, gpu.index, gpu.name, gpu.percent, *memory, gpu.power_watts


def _logs(log: LogLines) -> Iterator[Row]:
    for number, line in enumerate(log.lines):
        yield log.experiment_id, log.stream, log.level, number, line


def _job(job: JobStatus) -> Iterator[Row]:
    yield (
        job.experiment_id,
        job.job_id,
        job.job_type,
        job.status,
        job.starting_time,
        job.finishing_time,
        job.device,
        job.error,
        job.stacktrace,
    )


def _dropped(dropped: Dropped) -> Iterator[Row]:
    yield dropped.experiment_id, dropped.event_type, dropped.count


TABLES = (
    _table(
        "scores",
        {
            "experiment_id": pa.int64(),
            "key": pa.string(),
            "split": pa.string(),
            "metric": pa.string(),
            "epoch": pa.int64(),
            "value": pa.float64(),
            "not_finite": pa.string(),
        },
        {EvaluationResult: _scores},
    ),
    _table(
        "checkpoints",
        {
            "experiment_id": pa.int64(),
            "epoch": pa.int64(),
            "step": pa.int64(),
            "action": pa.string(),
            "kept_as": pa.string(),
            "weights_sha256": pa.string(),
            "size_bytes": pa.int64(),
            "resources": pa.string(),
        },
        {CheckpointSaved: _checkpoint, CheckpointDeleted: _checkpoint},
    ),
    _table(
        "jobs",
        {
            "experiment_id": pa.int64(),
            "job_id": pa.string(),
            "job_type": pa.int64(),
            "status": pa.string(),
            "starting_time": pa.float64(),
            "finishing_time": pa.float64(),
            "device": pa.string(),
            "error": pa.string(),
            "stacktrace": pa.string(),
        },
        {JobStatus: _job},
    ),
    _table(
        "logs",
        {
            "experiment_id": pa.int64(),
            "stream": pa.string(),
            "level": pa.string(),
            "line_number": pa.int64(),
            "line": pa.string(),
        },
        {LogLines: _logs},
    ),
    _table(
        "dropped",
        {"experiment_id": pa.int64(), "event_type": pa.string(), "count": pa.int64()},
        {Dropped: _dropped},
    ),
    _table(
        "system",
        {
            "host": pa.string(),
            "cpu_percent": pa.float64(),
            "rss_bytes": pa.int64(),
            "memory_used_bytes": pa.int64(),
            "memory_total_bytes": pa.int64(),
            "disk_used_bytes": pa.int64(),
            "disk_total_bytes": pa.int64(),
            "disk_read_bytes_per_s": pa.float64(),
            "disk_written_bytes_per_s": pa.float64(),
            "network_sent_bytes_per_s": pa.float64(),
            "network_received_bytes_per_s": pa.float64(),
        },
        {SystemMetrics: _system},
    ),
    _table(
        "gpus",
        {
            "host": pa.string(),
            "index": pa.int64(),
            "name": pa.string(),
            "percent": pa.float64(),
            "memory_used_bytes": pa.int64(),
            "memory_total_bytes": pa.int64(),
            "power_watts": pa.float64(),
        },
        {SystemMetrics: _gpus},
    ),
)
"""Every table that grows with the log."""
