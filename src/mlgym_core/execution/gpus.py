"""How busy the machine's NVIDIA GPUs are, where there are any.

Owns the way to NVML, the driver's library. Without a driver there are no GPUs; a broken one is told of once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import pynvml

from mlgym_core.events.types import GpuUse

_LOG = logging.getLogger(__name__)
_ABSENT = (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED)
ValueT = TypeVar("ValueT")


class Gpus:
    """The GPUs of this machine. The driver is asked when the first sample is taken, and not again once it failed."""

    def __init__(self) -> None:
        self._devices: list[tuple[Any, str]] | None = None

    def sample(self) -> list[GpuUse]:
        """The use of each GPU now; none where there is no driver, or a broken one."""
        try:
            if self._devices is None:
                self._devices = _find_devices()
            return [_use(index, device, name) for index, (device, name) in enumerate(self._devices)]
        except pynvml.NVMLError as error:
            if error.value not in _ABSENT:
                _LOG.warning("the GPUs are not sampled: %s", error)
            self._devices = []
            return []


def _find_devices() -> list[tuple[Any, str]]:
    pynvml.nvmlInit()
    devices = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
    return [(device, str(pynvml.nvmlDeviceGetName(device))) for device in devices]


def _use(index: int, device: Any, name: str) -> GpuUse:
    percent = _if_supported(lambda: float(pynvml.nvmlDeviceGetUtilizationRates(device).gpu))
    memory = _if_supported(lambda: pynvml.nvmlDeviceGetMemoryInfo(device))
    milliwatts = _if_supported(lambda: float(pynvml.nvmlDeviceGetPowerUsage(device)))
    return GpuUse(
        index=index,
        name=name,
        percent=percent,
        memory_used_bytes=int(memory.used) if memory else None,
        memory_total_bytes=int(memory.total) if memory else None,
        power_watts=None if milliwatts is None else milliwatts / 1000,
    )


def _if_supported(ask: Callable[[], ValueT]) -> ValueT | None:
    """None where this kind of GPU, or a part of one, does not tell."""
    try:
        return ask()
    except (pynvml.NVMLError_NotSupported, pynvml.NVMLError_NoPermission):
        return None
