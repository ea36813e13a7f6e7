"""Whom a machine's energy is counted for, as a run's events come. Owns the bookkeeping; the rule is `energy`'s."""

from __future__ import annotations

from mlgym_core.events.projections.energy import power_of
from mlgym_core.events.projections.run_state import RunState
from mlgym_core.events.types import SystemMetrics


def measure(state: RunState, at: float) -> None:
    """Counts the energy of the experiments that train, since this was done last."""
    seconds = max(0.0, at - (at if state.measured_at is None else state.measured_at))
    if state.power is not None:
        for each in state.training:
            experiment = state.experiments[each]
            experiment.energy = experiment.energy.after(seconds, state.power, len(state.training))
    state.measured_at = max(at, state.measured_at or at)


def take_sample(state: RunState, sample: SystemMetrics, at: float) -> None:
    """Notes what the machine draws, which it has drawn since the last event that was measured."""
    state.power = power_of(sample, state.started.environment if state.started else {})
    measure(state, at)


def forget_training(state: RunState) -> None:
    """Notes that nothing trains any more, and that the machine may have become another."""
    state.training.clear()
    state.power = None
