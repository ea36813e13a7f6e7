"""The card of one experiment's model: what is known of it so far, and nothing that is not.

Owns the card's keys. It must not know where the events, or the facts about the machine, come from.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import msgspec

from mlgym_core.events.projections.run_state import ExperimentState, RunState

_OF_DATA = ("data", "splits", "loaders", "collator")
_OF_TRAINING = ("trainer", "optimizer", "lr_scheduler", "loss", "early_stopping", "checkpointing")


def model_card(state: RunState, experiment_id: int, system_info: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The card of an experiment; a part of which nothing is known yet is null or empty.

    Raises:
        KeyError: the run has no such experiment.
    """
    experiment = state.experiments[experiment_id]
    return {
        "model_details": _model_details(state, experiment),
        "dataset_details": _parts(experiment, _OF_DATA),
        "training_details": _training_details(experiment),
        "eval_details": _eval_details(experiment),
        "experiment_environment": _environment(state, experiment, system_info),
        "pipeline_details": {
            "config": experiment.config,
            "source": state.started.source if state.started else {},
        },
    }


def _model_details(state: RunState, experiment: ExperimentState) -> dict[str, Any]:
    newest = experiment.checkpoints[-1] if experiment.checkpoints else None
    return {
        "grid_search_id": state.run_id,
        "experiment_id": experiment.experiment_id,
        "description": state.started.description if state.started else None,
        "model": experiment.config.get("model"),
        "model_info": experiment.config.get("model_info"),
        "checkpoint": None if newest is None else {"epoch": newest.epoch, "sha256": newest.weights_sha256},
    }


def _training_details(experiment: ExperimentState) -> dict[str, Any]:
    run = experiment.config.get("run")
    return {
        **_parts(experiment, _OF_TRAINING),
        "seed": run.get("seed") if isinstance(run, dict) else None,
        "num_epochs": experiment.num_epochs,
        "epochs_done": experiment.epochs_done,
        "status": experiment.status,
        "error": experiment.error,
        "device": experiment.device,
        "started_at": experiment.started_at,
        "finished_at": experiment.finished_at,
    }


def _eval_details(experiment: ExperimentState) -> dict[str, Any]:
    return {
        "metrics": experiment.config.get("metrics"),
        "best": msgspec.to_builtins(experiment.best),
        "last": msgspec.to_builtins(experiment.last),
    }


def _environment(state: RunState, experiment: ExperimentState, system_info: Mapping[str, Any] | None) -> dict[str, Any]:
    started = state.started
    known = {"host": experiment.host, "threads": experiment.threads, "versions": experiment.versions}
    return {
        "system_env": {
            **(started.environment if started else {}),
            **{key: value for key, value in known.items() if value},
            **(system_info or {}),
        },
        "carbon_footprint": None,
        "entry_point_cmd": shlex.join(started.entry_command) if started else None,
    }


def _parts(experiment: ExperimentState, slots: tuple[str, ...]) -> dict[str, Any]:
    return {slot: experiment.config[slot] for slot in slots if slot in experiment.config}
