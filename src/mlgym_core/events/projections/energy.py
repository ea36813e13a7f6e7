"""How much energy an experiment took, estimated from the samples of its machine.

Owns the rule. The processors are taken to draw their use, in percent, of what they draw at most; a GPU draws what its
driver says. From one event to the next the machine draws what the latest sample shows, or the one that ends that time;
the experiments that train at a time share it evenly. It must not know how events are told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from mlgym_core.events.types import SystemMetrics

WATTS_PER_CORE = 12.0
"""What a core of a processor of unknown kind draws at most."""
CORE_SOURCE = "12 W per core, the Green Algorithms project's value for any processor (doi:10.1002/advs.202100707)"
CARBON_INTENSITY = 480.0
"""Grams of CO2 equivalents per kWh of electricity."""
CARBON_SOURCE = "world average of 2023, Ember, Global Electricity Review 2024"
_JOULES_PER_KWH = 3.6e6


class Energy(msgspec.Struct, frozen=True, kw_only=True):
    """What an experiment's share of its machine took in `seconds` of training, in joules."""

    cpu_joules: float = 0.0
    gpu_joules: float = 0.0
    seconds: float = 0.0

    def after(self, seconds: float, power: Power, num_sharing: int) -> Energy:
        """The energy after more seconds in which the machine drew `power` for so many experiments."""
        return Energy(
            cpu_joules=self.cpu_joules + seconds * power.cpu_watts / num_sharing,
            gpu_joules=self.gpu_joules + seconds * power.gpu_watts / num_sharing,
            seconds=self.seconds + seconds,
        )


class Power(msgspec.Struct, frozen=True, kw_only=True):
    """What a machine draws."""

    cpu_watts: float
    gpu_watts: float


class CarbonFootprint(msgspec.Struct, frozen=True, kw_only=True):
    """An estimate of what training took, in kWh and grams of CO2 equivalents, and what it rests on."""

    energy_kwh: float
    cpu_kwh: float
    gpu_kwh: float
    emissions_g: float
    measured_seconds: float
    cpu_max_watts: float
    cpu_source: str
    carbon_intensity_g_per_kwh: float
    carbon_source: str
    method: str


def power_of(sample: SystemMetrics, environment: Mapping[str, Any]) -> Power | None:
    """What the machine draws by a sample of it; None where the size of its processors is not known."""
    most = _max_watts(environment)
    if most is None:
        return None
    return Power(
        cpu_watts=most[0] * sample.cpu_percent / 100,
        gpu_watts=sum(gpu.power_watts for gpu in sample.gpus if gpu.power_watts is not None),
    )


def carbon_footprint(energy: Energy, environment: Mapping[str, Any]) -> CarbonFootprint | None:
    """The footprint of an experiment that took so much; None where nothing was measured."""
    most = _max_watts(environment)
    if most is None or energy.seconds == 0:
        return None
    stated = environment.get("carbon_intensity_g_per_kwh")
    intensity = CARBON_INTENSITY if stated is None else float(stated)
    cpu_kwh, gpu_kwh = energy.cpu_joules / _JOULES_PER_KWH, energy.gpu_joules / _JOULES_PER_KWH
    return CarbonFootprint(
        energy_kwh=cpu_kwh + gpu_kwh,
        cpu_kwh=cpu_kwh,
        gpu_kwh=gpu_kwh,
        emissions_g=(cpu_kwh + gpu_kwh) * intensity,
        measured_seconds=energy.seconds,
        cpu_max_watts=most[0],
        cpu_source=most[1],
        carbon_intensity_g_per_kwh=intensity,
        carbon_source=CARBON_SOURCE if stated is None else "MLGYM_CARBON_INTENSITY where the run was started",
        method="The whole machine while the experiment trained, shared evenly by the experiments that trained at the "
        "time: the use of all processors in percent of their highest power, and the power of the GPUs as their driver "
        "tells it. Memory, disks, cooling and what an idle machine draws are left out.",
    )


def _max_watts(environment: Mapping[str, Any]) -> tuple[float, str] | None:
    """What the processors draw at most, and who says so."""
    stated = environment.get("cpu_tdp_watts")
    if isinstance(stated, int | float):
        return float(stated), "MLGYM_CPU_TDP where the run was started"
    num_cores = environment.get("num_cores") or environment.get("num_cpus")
    return (WATTS_PER_CORE * num_cores, CORE_SOURCE) if isinstance(num_cores, int) else None
