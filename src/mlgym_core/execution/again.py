"""What a run that goes on is made of: what its log recorded, and what of the files beside it is held against that.

Owns the way from a log to what preflight is asked. It knows no component, and never imports torch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlgym_core.config import nodes
from mlgym_core.config.nodes import from_plain
from mlgym_core.config.sweeps import Point
from mlgym_core.errors import ConfigError, Place, RunError
from mlgym_core.events.folder import GRID_SEARCH_CONFIG, RunFolder
from mlgym_core.events.lock import liveness
from mlgym_core.events.projections.run_state import RunState
from mlgym_core.events.snapshots import open_fold
from mlgym_core.events.types import RunStarted
from mlgym_core.execution.job import Recorded, Request
from mlgym_core.execution.past import Past, check_begun, left_to_do, with_epochs
from mlgym_core.execution.plan import make_plan
from mlgym_core.execution.registrations import collect
from mlgym_core.execution.resumption import Resumption
from mlgym_core.registry import default_registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """A run taken up again: its past, what is to be checked of it, and what its new start records.

    `folder` is where its modules and relative paths are; `overrides` are what was put into its configuration file,
    which is among `files`.
    """

    past: Past
    request: Request
    files: Mapping[str, str]
    folder: Path
    overrides: Sequence[str]

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        return not self.request.points and not self.past.is_lost


def is_over(resumption: Resumption) -> bool:
    """Whether there is nothing to do, nor to check, as the log says already while nobody holds it."""
    run = resumption.folder
    if resumption.config is not None or liveness(run) == "alive" or run.spools():
        return False
    state = open_fold(run)[0].state
    if state.ended is None:
        return False
    check_begun(run, state)
    return not left_to_do(run, state, resumption.experiment_ids, resumption.num_epochs)


def plan_again(resumption: Resumption, past: Past) -> Again:
    """What the run goes on with; nothing is looked at yet that needs a component.

    Raises:
        RunError: the run had not begun, has no such experiment, or its modules are not where they were.
        ConfigError: its configuration file was edited, and cannot be read any more.
    """
    run, state = resumption.folder, past.state
    check_begun(run, state)
    todo = left_to_do(run, state, resumption.experiment_ids, resumption.num_epochs)
    place = Place(file=f"the log of run {run.run_id}", line=0, column=0)
    started = state.started
    assert started is not None
    folder = _folder(run, started, resumption.config)
    overrides = started.environment.get("overrides", [])
    modules = {name: place for each in state.experiments.values() for name in each.config.get("imports", ())}
    request = Request(
        points=[_point(config, place) for config in todo.values()],
        registrations=collect(default_registry, modules, folder),
        device_ids=resumption.settings.device_ids,
        recorded=_recorded(resumption, state, list(todo), overrides),
    )
    files = {name: run.config_path(name).read_text(encoding="utf-8") for name in _files(run, started)}
    return Again(past=past, request=request, files=files, folder=folder, overrides=overrides)


def _recorded(
    resumption: Resumption, state: RunState, experiment_ids: Sequence[int], overrides: Sequence[str]
) -> Recorded:
    """What preflight holds against the components, and against a file that was named or edited."""
    configs = {number: with_epochs(each.config, resumption.num_epochs) for number, each in state.experiments.items()}
    file = resumption.config or _edited(resumption.folder, state.started)
    if file is None:
        return Recorded(experiment_ids=experiment_ids, configs=configs)
    modules = dict.fromkeys(name for each in configs.values() for name in each.get("imports", ()))
    epochs = [] if resumption.num_epochs is None else [f"run.epochs={resumption.num_epochs}"]
    plan = make_plan(file, overrides=[*overrides, *epochs], imports=modules)
    if plan.faults:
        raise ConfigError(plan.faults)
    return Recorded(experiment_ids=experiment_ids, file=str(file), given=plan.points, configs=configs)


def _point(config: dict[str, Any], place: Place) -> Point:
    tree = from_plain(config, place)
    assert isinstance(tree, nodes.Mapping)
    return Point(tree=tree)


def _edited(run: RunFolder, started: RunStarted | None) -> Path | None:
    """The run's configuration file, where it is not the one any more that the log tells of."""
    path = run.config_path(GRID_SEARCH_CONFIG)
    recorded = started.source.get(GRID_SEARCH_CONFIG) if started is not None else None
    if recorded is None or not path.is_file():
        return None
    return path if hashlib.sha256(path.read_bytes()).hexdigest() != recorded else None


def _files(run: RunFolder, started: RunStarted) -> list[str]:
    return [name for name in started.source if run.config_path(name).is_file()]


def _folder(run: RunFolder, started: RunStarted, config: Path | None) -> Path:
    if config is not None:
        return config.parent.resolve()
    recorded = started.environment.get("folder")
    if isinstance(recorded, str) and Path(recorded).is_dir():
        return Path(recorded)
    where = f"{recorded} is not there" if recorded else "its log does not say where"
    raise RunError(
        f"the modules of run {run.run_id} are not found: {where}",
        code="MG125",
        hint="--config FILE names its configuration where it lies beside its modules now",
    )
