"""What a run's log has when the run is taken up again, and what of the run is left to do.

Owns the reading, and the choice of experiments. It must not know how they are trained.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlgym_core.config.spec import ExperimentSpec, canonical_hash
from mlgym_core.errors import RunError, StoreError
from mlgym_core.events.codes import LOCKED
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.projections.positions import Known, read_known
from mlgym_core.events.projections.run_state import ExperimentState, RunState
from mlgym_core.events.snapshots import open_fold
from mlgym_core.events.types import RunEnded
from mlgym_core.execution.transport import Transport

_PATIENCE_S = 5.0
"""How long the processes of an earlier attempt may take to see that their runner is gone."""
_PAUSE_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What the log has: the run's state, and each experiment's facts that are not to be told again."""

    state: RunState
    known: Mapping[int, Known] = field(default_factory=dict)

    @property
    def is_lost(self) -> bool:
        """Whether nobody has said that the run ended."""
        return self.state.ended is None

    def lost(self) -> RunEnded:
        """The fact that nobody was there to tell."""
        statuses = (each.status for each in self.state.experiments.values())
        counts: Counter[str] = Counter("failed" if each == "running" else each for each in statuses)
        return RunEnded(grid_search_id=self.state.run_id, reason="lost", counts=dict(counts))

    def has(self, spec: ExperimentSpec) -> bool:
        """Whether the log has that configuration of the experiment."""
        return self.state.experiments[spec.experiment_id].config == spec.config

    def known_of(self, experiment_id: int) -> Known:
        """What the log has of an experiment."""
        return self.known.get(experiment_id, Known())

    def config_hashes(self) -> dict[int, str]:
        """The hash of each experiment's configuration."""
        return {number: canonical_hash(each.config) for number, each in self.state.experiments.items()}


def take_over(run: RunFolder, transport: Transport) -> Past:
    """What the log of `run` has once all is in it that earlier attempts published; `transport` holds the log.

    Raises:
        StoreError: a process of an earlier attempt is still there (LOCKED), or the log cannot be read or written.
    """
    deadline = time.monotonic() + _PATIENCE_S
    transport.take_up()
    while run.spools():
        if time.monotonic() >= deadline:
            raise StoreError(
                f"a process of an earlier attempt still publishes to run {run.run_id}",
                code=LOCKED,
                hint=f"wait until it has ended, or end it: it holds a file in {run.spools_path}",
            )
        time.sleep(_PAUSE_S)
        transport.take_up()
    return Past(state=open_fold(run)[0].state, known=read_known(run))


def check_begun(run: RunFolder, state: RunState) -> None:
    """Sees that there is something to go on with.

    Raises:
        RunError: the run was broken off before its experiments were recorded, or was trained by something else.
    """
    started, configs = state.started, [each.config for each in state.experiments.values() if each.config]
    if started is None or len(configs) < started.num_experiments:
        raise RunError(
            f"run {run.run_id} was broken off before its experiments were recorded: there is nothing to go on with",
            code="MG120",
            hint="nothing of it was trained; run its configuration anew",
        )
    runs = [each.get("run") for each in configs]
    if not all(isinstance(each, dict) and "epochs" in each for each in runs):
        raise RunError(
            f"run {run.run_id} was not trained by mlgym, which cannot go on with it",
            code="MG126",
            hint="its log was written by a training loop of one's own: start that again",
        )


def left_to_do(
    run: RunFolder, state: RunState, experiment_ids: Sequence[int], num_epochs: int | None
) -> dict[int, dict[str, Any]]:
    """The configurations of what is to be trained, by experiment, with `num_epochs` where that is given.

    Finished experiments are left alone unless they are to do more epochs than they were to.

    Raises:
        RunError: an experiment that is not there, has done more epochs, or has lost what more would go on from.
    """
    chosen = [state.find(each) for each in sorted(set(experiment_ids) or state.experiments)]
    if num_epochs is not None:
        _check_epochs(run, chosen, num_epochs)
    return {
        each.experiment_id: with_epochs(each.config, num_epochs)
        for each in chosen
        if each.status != "finished" or _is_extended(each, num_epochs)
    }


def with_epochs(config: dict[str, Any], num_epochs: int | None) -> dict[str, Any]:
    """The configuration with so many epochs, where a number is given."""
    return config if num_epochs is None else {**config, "run": {**config["run"], "epochs": num_epochs}}


def _is_extended(experiment: ExperimentState, num_epochs: int | None) -> bool:
    return num_epochs is not None and num_epochs > _configured_epochs(experiment)


def _configured_epochs(experiment: ExperimentState) -> int:
    return int(experiment.config["run"]["epochs"])


def _check_epochs(run: RunFolder, chosen: Sequence[ExperimentState], num_epochs: int) -> None:
    beyond = [each for each in chosen if each.epochs_done > num_epochs]
    if beyond:
        raise RunError(
            f"{_named(beyond)} of run {run.run_id} did more than {num_epochs} epochs already",
            code="MG122",
            hint=f"--num_epochs counts all epochs of an experiment: {max(each.epochs_done for each in beyond)} or more",
        )
    extended = [each for each in chosen if each.status == "finished" and _is_extended(each, num_epochs)]
    lost = [each for each in extended if each.epochs_done - 1 not in run.checkpoint_epochs(each.experiment_id)]
    if lost:
        raise RunError(
            f"{_named(lost)} of run {run.run_id} cannot go on: no checkpoint of the last epoch was kept",
            code="MG123",
            hint="`checkpointing: last_epoch` keeps it; name the experiments that can go on, or train more epochs anew",
        )


def _named(experiments: Sequence[ExperimentState]) -> str:
    numbers = ", ".join(str(each.experiment_id) for each in experiments)
    return f"experiment{'' if len(experiments) == 1 else 's'} {numbers}"
