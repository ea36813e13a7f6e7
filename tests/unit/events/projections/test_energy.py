"""What training takes of energy, as far as samples of the machine tell. The story's events are a second apart."""

from __future__ import annotations

from typing import Any

import pytest

from mlgym_core.events.projections.energy import CARBON_INTENSITY, CARBON_SOURCE, Energy, carbon_footprint
from mlgym_core.events.types import GpuUse

MACHINE = {"num_cores": 4, "num_cpus": 8}


def energy(story: Any, experiment_id: int = 0) -> Energy:
    found: Energy = story.fold.state.experiments[experiment_id].energy
    return found


def test_an_experiment_takes_what_the_machine_draws_while_it_trains(story: Any) -> None:
    story.start_run(environment=MACHINE)
    story.sample(cpu_percent=100.0)
    story.attempt()
    story.sample(cpu_percent=50.0)
    story.sample(cpu_percent=25.0)
    story.job("DONE")
    story.sample(cpu_percent=100.0)
    # 48 W at most: half of them in the second before the first sample, then a quarter for two seconds.
    assert energy(story) == Energy(cpu_joules=24 + 12 + 12, seconds=3)


def test_a_gpu_draws_what_its_driver_says(story: Any) -> None:
    story.start_run(environment=MACHINE)
    story.attempt()
    told = [
        GpuUse(index=0, name="a", power_watts=300.0),
        GpuUse(index=1, name="b"),
        GpuUse(index=2, name="c", power_watts=50),
    ]
    story.sample(cpu_percent=0.0, gpus=told)
    assert energy(story) == Energy(gpu_joules=350, seconds=1)


def test_those_who_train_at_a_time_share_the_machine(story: Any) -> None:
    story.start_run(num_experiments=2, environment=MACHINE | {"cpu_tdp_watts": 60})
    story.sample(cpu_percent=100.0)
    story.attempt(0)
    story.attempt(1)
    story.job("DONE", 0)
    story.end_run("stopped")
    assert energy(story, 0) == Energy(cpu_joules=60 + 30, seconds=2)
    assert energy(story, 1) == Energy(cpu_joules=30 + 60, seconds=2)


def test_what_passes_until_a_lost_run_is_found_and_resumed_counts_for_nobody(story: Any) -> None:
    story.start_run(environment=MACHINE)
    story.attempt()
    story.sample(cpu_percent=100.0)
    story.second += 1000
    story.end_run("lost")
    story.start_run(environment=MACHINE)
    story.second += 1000
    story.attempt(attempt=2)
    story.sample(cpu_percent=100.0)
    assert energy(story) == Energy(cpu_joules=96, seconds=2)


def test_without_samples_or_the_size_of_the_machine_there_is_no_estimate(story: Any) -> None:
    story.start_run()
    story.attempt()
    story.sample()
    story.job("DONE")
    assert carbon_footprint(energy(story), {}) is None
    assert carbon_footprint(Energy(), MACHINE) is None


def test_a_footprint_says_what_it_rests_on() -> None:
    found = carbon_footprint(Energy(cpu_joules=3.6e6, gpu_joules=7.2e6, seconds=10), MACHINE)
    assert found is not None
    assert (found.energy_kwh, found.cpu_kwh, found.gpu_kwh) == (3, 1, 2)
    assert (found.emissions_g, found.carbon_intensity_g_per_kwh) == (3 * CARBON_INTENSITY, CARBON_INTENSITY)
    assert (found.cpu_max_watts, found.measured_seconds) == (48, 10)
    assert found.carbon_source == CARBON_SOURCE
    assert "12 W per core" in found.cpu_source


def test_what_the_user_states_goes_before_what_is_assumed() -> None:
    stated = {"carbon_intensity_g_per_kwh": 0, "cpu_tdp_watts": 65.0}
    found = carbon_footprint(Energy(cpu_joules=3.6e6, seconds=10), MACHINE | stated)
    assert found is not None
    assert (found.emissions_g, found.cpu_max_watts) == (0, pytest.approx(65))
    assert "MLGYM_CARBON_INTENSITY" in found.carbon_source
    assert "MLGYM_CPU_TDP" in found.cpu_source
