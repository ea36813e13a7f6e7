"""The card of one experiment's model: what is known of it so far, and nothing that is not.

Owns the card's keys. It must not know where the events come from, nor how a card is shown.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import msgspec

from mlgym_core.events.descriptions import PipelineNode, SplitDescription
from mlgym_core.events.projections.energy import CarbonFootprint, carbon_footprint
from mlgym_core.events.projections.run_state import ExperimentState, RunState, ScoreAt, Status

_OF_DATA = ("data", "features", "splits", "loaders", "collator")
_OF_TRAINING = ("trainer", "optimizer", "lr_scheduler", "loss", "early_stopping", "checkpointing")


class CardCheckpoint(msgspec.Struct, frozen=True, kw_only=True):
    """The newest checkpoint: the digest of its weights, and why it is kept."""

    epoch: int
    step: int
    sha256: str
    kept_as: list[str]


class ModelDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Which model it is; `model` and `model_info` as the configuration has them."""

    grid_search_id: str
    experiment_id: int
    description: str | None
    model: Any
    model_info: Any
    class_name: str | None
    num_parameters: int | None
    num_trainable_parameters: int | None
    checkpoint: CardCheckpoint | None


class DatasetDetails(msgspec.Struct, frozen=True, kw_only=True):
    """The slots of the configuration that make the data, and each split that came of them."""

    configuration: dict[str, Any]
    splits: dict[str, SplitDescription]


class TrainingDetails(msgspec.Struct, frozen=True, kw_only=True):
    """The slots of the configuration that train, and how far they got. Times are seconds since the epoch."""

    configuration: dict[str, Any]
    seed: int | None
    num_epochs: int | None
    epochs_done: int
    status: Status
    error: str | None
    attempt: int
    device: str | None
    started_at: float | None
    finished_at: float | None


class CardScore(msgspec.Struct, frozen=True, kw_only=True):
    """The best and the last value of one score."""

    best: ScoreAt | None
    last: ScoreAt | None


class EvalDetails(msgspec.Struct, frozen=True, kw_only=True):
    """The metrics as configured, and each split's scores by name."""

    metrics: Any
    splits: dict[str, dict[str, CardScore]]


class ExperimentEnvironment(msgspec.Struct, frozen=True, kw_only=True):
    """Machine, versions and packages; what training took of energy; the command that started the run."""

    system_env: dict[str, Any]
    carbon_footprint: CarbonFootprint | None
    entry_point_cmd: str | None


class PipelineDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Which slot needs which, the configuration, the digests of its files, and the state of the code."""

    graph: list[PipelineNode]
    config: dict[str, Any]
    source: dict[str, str]
    git: dict[str, Any] | None


class ModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of an experiment's model."""

    model_details: ModelDetails
    dataset_details: DatasetDetails
    training_details: TrainingDetails
    eval_details: EvalDetails
    experiment_environment: ExperimentEnvironment
    pipeline_details: PipelineDetails


def model_card(state: RunState, experiment_id: int, system_info: Mapping[str, Any] | None = None) -> ModelCard:
    """The card of an experiment; a part of which nothing is known yet is null or empty.

    `system_info` is what a run of MLgym recorded in a file, whose events tell nothing of the machine.

    Raises:
        KeyError: the run has no such experiment.
    """
    experiment = state.experiments[experiment_id]
    started = state.started
    return ModelCard(
        model_details=_model_details(state, experiment),
        dataset_details=DatasetDetails(configuration=_slots(experiment, _OF_DATA), splits=experiment.data),
        training_details=_training_details(experiment),
        eval_details=EvalDetails(metrics=experiment.config.get("metrics"), splits=_scores(experiment)),
        experiment_environment=ExperimentEnvironment(
            system_env=_system_env(state, experiment, system_info or {}),
            carbon_footprint=carbon_footprint(experiment.energy, started.environment if started else {}),
            entry_point_cmd=shlex.join(started.entry_command) if started else None,
        ),
        pipeline_details=PipelineDetails(
            graph=experiment.pipeline,
            config=experiment.config,
            source=started.source if started else {},
            git=started.git if started else None,
        ),
    )


def _model_details(state: RunState, experiment: ExperimentState) -> ModelDetails:
    model = experiment.model
    return ModelDetails(
        grid_search_id=state.run_id,
        experiment_id=experiment.experiment_id,
        description=state.started.description if state.started else None,
        model=experiment.config.get("model"),
        model_info=experiment.config.get("model_info"),
        class_name=model.class_name if model else None,
        num_parameters=model.num_parameters if model else None,
        num_trainable_parameters=model.num_trainable_parameters if model else None,
        checkpoint=_newest_checkpoint(experiment),
    )


def _newest_checkpoint(experiment: ExperimentState) -> CardCheckpoint | None:
    if not experiment.checkpoints:
        return None
    newest = experiment.checkpoints[-1]
    return CardCheckpoint(epoch=newest.epoch, step=newest.step, sha256=newest.weights_sha256, kept_as=newest.kept_as)


def _training_details(experiment: ExperimentState) -> TrainingDetails:
    run = experiment.config.get("run")
    return TrainingDetails(
        configuration=_slots(experiment, _OF_TRAINING),
        seed=run.get("seed") if isinstance(run, dict) else None,
        num_epochs=experiment.num_epochs,
        epochs_done=experiment.epochs_done,
        status=experiment.status,
        error=experiment.error,
        attempt=experiment.attempt,
        device=experiment.device,
        started_at=experiment.started_at,
        finished_at=experiment.finished_at,
    )


def _scores(experiment: ExperimentState) -> dict[str, dict[str, CardScore]]:
    splits: dict[str, dict[str, CardScore]] = {}
    for key in {**experiment.last, **experiment.best}:
        split, _, name = key.partition("/")
        score = CardScore(best=experiment.best.get(key), last=experiment.last.get(key))
        splits.setdefault(split, {})[name] = score
    return splits


def _system_env(state: RunState, experiment: ExperimentState, system_info: Mapping[str, Any]) -> dict[str, Any]:
    known = {"host": experiment.host, "threads": experiment.threads, "versions": experiment.versions}
    return {
        **(state.started.environment if state.started else system_info),
        **{key: value for key, value in known.items() if value},
    }


def _slots(experiment: ExperimentState, slots: tuple[str, ...]) -> dict[str, Any]:
    return {slot: experiment.config[slot] for slot in slots if slot in experiment.config}
