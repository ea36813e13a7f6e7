"""Experiments of past runs, taken back into memory from the event storage on this machine.

Owns the way from a run's log and checkpoints to a trained model. It trains nothing and writes nothing.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from mlgym_core.checkpoints.fitting import not_whole
from mlgym_core.checkpoints.local import LocalCheckpoints
from mlgym_core.checkpoints.protocols import Moment
from mlgym_core.config.settings import default_event_storage
from mlgym_core.errors import ConfigError, Place, RunError
from mlgym_core.events.folder import EventStorage, RunFolder
from mlgym_core.events.projections.run_fold import RunFold
from mlgym_core.events.projections.run_state import CheckpointState, ExperimentState, RunState
from mlgym_core.events.snapshots import open_fold
from mlgym_core.execution.registrations import Registrations, learn
from mlgym_core.inference.choosing import choose_checkpoint
from mlgym_core.inference.experiment import LoadedExperiment
from mlgym_core.registry import Components, build, default_registry
from mlgym_core.training.protocols import Trainer
from mlgym_core.training.seeding import generator_states, restore_generators, seed_all


def load_experiment(
    run: str = "last",
    experiment: int = 0,
    *,
    best: str | None = None,
    epoch: int | None = None,
    event_storage: str | Path | None = None,
    device: str = "cpu",
) -> LoadedExperiment:
    """A trained experiment of a run on this machine, ready to predict: as it was when `best`, after `epoch`, or last.

    `best` names a score, such as `val/f1`: the checkpoint with its best value, which must have been kept. Components
    that the run imported are imported, from the folder of its configuration; others must be registered already.

    Raises:
        StoreError: there is no such run, or a checkpoint is not whole.
        RunError: there is no such experiment or score, or the checkpoint was not kept.
        ConfigError: a module that the run imported cannot be imported.
        BuildError: a component is not registered, or cannot be built.
    """
    return load_from(_find(run, event_storage), experiment, best=best, epoch=epoch, device=device)


def load_components(run: str = "last", experiment: int = 0, *, event_storage: str | Path | None = None) -> Components:
    """The components of any experiment of a run on this machine by slot, `loaders` among them, as before training.

    No checkpoint is needed. Raises as `load_experiment` does.
    """
    state = open_fold(_find(run, event_storage))[0].state
    with _generators_kept(torch.device("cpu")):
        return _build(state, _experiment(state, experiment).config)


def load_from(
    run: RunFolder, experiment_id: int, *, best: str | None = None, epoch: int | None = None, device: str = "cpu"
) -> LoadedExperiment:
    """As `load_experiment`, for the folder of a run."""
    fold, _ = open_fold(run)
    state = _experiment(fold.state, experiment_id)
    scores = _scores_by_epoch(fold, experiment_id)
    checkpoint = choose_checkpoint(state, scores, best=best, epoch=epoch)
    place = torch.device(device)
    with _generators_kept(place):
        components = _build(fold.state, state.config)
        trainer: Trainer = components["trainer"]
        trainer.prepare(place)
        _restore(trainer, LocalCheckpoints(run), experiment_id, checkpoint)
    is_end = checkpoint.batch is None
    loaded = LoadedExperiment(
        run_id=run.run_id,
        experiment_id=experiment_id,
        config=state.config,
        checkpoint=checkpoint,
        scores={key: each[checkpoint.epoch] for key, each in scores.items() if is_end and checkpoint.epoch in each},
        components=components,
        trainer=trainer,
        device=place,
    )
    if isinstance(loaded.model, torch.nn.Module):
        loaded.model.eval()
    return loaded


def _find(run: str, event_storage: str | Path | None) -> RunFolder:
    return EventStorage(event_storage or default_event_storage(os.environ)).open(run)


def _experiment(state: RunState, experiment_id: int) -> ExperimentState:
    found = state.find(experiment_id)
    if not found.config:
        raise RunError(
            f"run {state.run_id} has no configuration of experiment {experiment_id}",
            code="MG121",
            hint="it was broken off before that was recorded, or something else trained it",
        )
    return found


def _build(state: RunState, config: dict[str, Any]) -> Components:
    """All components of an experiment, so that nothing draws from the generators that is asked for later."""
    folder = str(state.started.environment.get("folder", "")) if state.started else ""
    imports = {name: Place(file=f"run {state.run_id}", line=0, column=0) for name in config.get("imports", ())}
    faults = learn(Registrations(imports=imports, folder=folder), default_registry)
    if faults:
        raise ConfigError(faults)
    components = build(config, default_registry, seed_all=seed_all, folder=folder)
    for slot in components:
        components[slot]
    return components


def _restore(trainer: Trainer, checkpoints: LocalCheckpoints, experiment_id: int, checkpoint: CheckpointState) -> None:
    moment = Moment(epoch=checkpoint.epoch, step=checkpoint.step, batch=checkpoint.batch)
    told = {each.sha256 for each in checkpoint.resources}

    def load(name: str) -> bytes:
        content = checkpoints.load(experiment_id, moment, name)
        if hashlib.sha256(content).hexdigest() not in told:
            raise not_whole(f"{name} of the checkpoint of {moment}", "it has another SHA-256 than when it was saved")
        return content

    trainer.load_resources(load)
    trainer.step = checkpoint.step


def _scores_by_epoch(fold: RunFold, experiment_id: int) -> Mapping[str, Mapping[int, float]]:
    columns = fold.columns.scores.get(experiment_id, {})
    points = {key: column.read() for key, column in columns.items()}
    return {key: dict(zip(map(int, each.xs), each.values, strict=True)) for key, each in points.items()}


@contextmanager
def _generators_kept(device: torch.device) -> Iterator[None]:
    """Leaves the random numbers of whoever loads as they would have been: building seeds all generators."""
    states = generator_states(device)
    try:
        yield
    finally:
        restore_generators(states)
