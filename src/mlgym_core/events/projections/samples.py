"""What a sample of the machine holds, as numbers by name. Knows no column and no clock."""

from __future__ import annotations

from mlgym_core.events.types import SystemMetrics


def sample_values(sample: SystemMetrics) -> dict[str, float | None]:
    """The numbers of a sample, `gpu/0/percent` for example; None for what was not measured."""
    values: dict[str, float | None] = {
        "cpu_percent": sample.cpu_percent,
        "rss_bytes": sample.rss_bytes,
        "memory_used_bytes": sample.memory_used_bytes,
    }
    for gpu in sample.gpus:
        values[f"gpu/{gpu.index}/percent"] = gpu.percent
        values[f"gpu/{gpu.index}/memory_used_bytes"] = gpu.memory_used_bytes
        values[f"gpu/{gpu.index}/power_watts"] = gpu.power_watts
    if sample.disk:
        values["disk/used_bytes"] = sample.disk.used_bytes
        values["disk/read_bytes_per_s"] = sample.disk.read_bytes_per_s
        values["disk/written_bytes_per_s"] = sample.disk.written_bytes_per_s
    if sample.network:
        values["network/sent_bytes_per_s"] = sample.network.sent_bytes_per_s
        values["network/received_bytes_per_s"] = sample.network.received_bytes_per_s
    return values
