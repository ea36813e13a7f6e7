"""Everything that can be known before training: names, arguments, references, and that each pipeline fits together.

Owns the way from points to specifications. It imports torch and the user's modules: only children of the forkserver, or
a process that trains itself, import it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from mlgym_core.config.nodes import to_plain
from mlgym_core.config.spec import ExperimentSpec, canonical_hash
from mlgym_core.errors import ConfigError, MLGymError, RunError
from mlgym_core.events.projections.views import choices_text
from mlgym_core.execution.changes import check_unchanged
from mlgym_core.execution.job import Checked, Recorded, Request
from mlgym_core.execution.registrations import learn
from mlgym_core.registry import Registry, Resolved, build, default_registry, resolve_points
from mlgym_core.registry.building import of_component
from mlgym_core.training.rehearsal import rehearse
from mlgym_core.training.seeding import seed_all

_FREE = ("seed", "batch_size", "eval_batch_size")
"""Arguments whose value does not change what fits together."""


def preflight(request: Request) -> Checked:
    """The experiments of the request's points and the devices to train them on; nothing is made anywhere.

    Raises:
        ConfigError: with every fault of the configuration.
        BuildError: components that cannot be built, or do not fit together.
        RunError: a device that is not there, or components that give what is recorded another meaning.
    """
    registry = default_registry
    resolved = _resolve(request, registry)
    numbers: Sequence[int] = range(len(resolved))
    if request.recorded is not None:
        numbers = request.recorded.experiment_ids
        _check_recorded(request, request.recorded, resolved, registry)
    distinct = list(_distinct(resolved))
    for number in distinct:
        # Where all are alike, what was chosen in the first explains nothing.
        remark = _told(request.points[number].choices) if len(distinct) > 1 else ""
        _try_out(resolved[number], registry, request.registrations.folder, remark)
    devices = find_devices(request.device_ids)
    specs = [
        ExperimentSpec(
            experiment_id=number,
            config=each.config,
            config_hash=canonical_hash(each.config),
            choices=point.choices,
            search_path=request.registrations.folder,
            places=each.places,
        )
        for number, point, each in zip(numbers, request.points, resolved, strict=True)
    ]
    return Checked(specs=specs, devices=devices)


def _resolve(request: Request, registry: Registry) -> list[Resolved]:
    faults = [*request.faults, *learn(request.registrations, registry)]
    try:
        resolved = resolve_points(request.points, registry)
    except ConfigError as error:
        raise ConfigError([*faults, *error.diagnostics]) from error
    if faults:
        raise ConfigError(faults)
    return resolved


def _check_recorded(request: Request, recorded: Recorded, resolved: Sequence[Resolved], registry: Registry) -> None:
    numbers = recorded.experiment_ids
    check_unchanged(
        {number: to_plain(point.tree) for number, point in zip(numbers, request.points, strict=True)},
        {number: each.config for number, each in zip(numbers, resolved, strict=True)},
        "components have changed",
    )
    if recorded.given:
        given = resolve_points(recorded.given, registry)
        now = {number: _extended(each.config, recorded.configs.get(number)) for number, each in enumerate(given)}
        check_unchanged(recorded.configs, now, f"{recorded.file} has changed")


def _extended(config: dict[str, Any], recorded: Mapping[str, Any] | None) -> dict[str, Any]:
    """The configuration with the epochs that were recorded where these are more: --num_epochs edits no file."""
    epochs = recorded["run"]["epochs"] if recorded else 0
    return config if config["run"]["epochs"] >= epochs else {**config, "run": {**config["run"], "epochs": epochs}}


def find_devices(device_ids: Sequence[int] | None) -> list[str]:
    """The devices to use, by name: the GPUs asked for, else all there are, else the processor.

    Raises:
        RunError: a GPU that is not there was asked for.
    """
    num_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if num_gpus == 0 or device_ids == ():
        return ["cpu"]
    chosen = range(num_gpus) if device_ids is None else device_ids
    missing = [str(each) for each in chosen if each >= num_gpus]
    if missing:
        raise RunError(
            f"there is no GPU {', '.join(missing)}",
            code="MG107",
            hint=f"--device_ids takes numbers from 0 to {num_gpus - 1} here",
        )
    return [f"cuda:{each}" for each in chosen]


def _distinct(resolved: Sequence[Resolved]) -> Iterator[int]:
    """The first of each kind of pipeline; they differ in more than seeds, batch sizes and settings of the optimizer."""
    seen = set()
    for number, each in enumerate(resolved):
        shape = canonical_hash(_shape(each.config))
        if shape not in seen:
            seen.add(shape)
            yield number


def _shape(config: Mapping[str, Any]) -> dict[str, Any]:
    shape: dict[str, Any] = _without(config, _FREE)
    if "optimizer" in shape:
        shape["optimizer"] = shape["optimizer"]["use"]
    return shape


def _without(value: Any, keys: Sequence[str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _without(each, keys) for key, each in value.items() if key not in keys}
    return [_without(each, keys) for each in value] if isinstance(value, list) else value


def _try_out(resolved: Resolved, registry: Registry, folder: str, remark: str) -> None:
    try:
        rehearse(build(resolved.config, registry, seed_all=seed_all, folder=folder, places=resolved.places))
    except ConfigError:
        raise
    except MLGymError as error:
        error.message += remark
        raise
    except Exception as error:  # the boundary to the user's components: they may raise anything
        raise of_component(error, remark) from error


def _told(choices: Mapping[str, Any]) -> str:
    return f"\n  with {choices_text(choices)}"
