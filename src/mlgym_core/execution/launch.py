"""From a plan, or a run that shall go on, to one that has ended: preflight first, workers prepared meanwhile.

Owns where these happen. In this process nothing imports torch, unless the run is to train in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import yaml

from mlgym_core.config.settings import RunSettings
from mlgym_core.events.folder import GRID_SEARCH_CONFIG, RUN_CONFIG, EventStorage, RunFolder
from mlgym_core.events.snapshots import open_fold
from mlgym_core.execution import forkserver
from mlgym_core.execution.again import Again, is_over, plan_again
from mlgym_core.execution.changes import changed_circumstances
from mlgym_core.execution.environment import environment
from mlgym_core.execution.job import Checked, Executor, Request
from mlgym_core.execution.libraries import libraries_of
from mlgym_core.execution.past import take_over
from mlgym_core.execution.plan import Plan
from mlgym_core.execution.processes import ProcessExecutor
from mlgym_core.execution.registrations import collect
from mlgym_core.execution.repository import git_state
from mlgym_core.execution.resumption import Resumption
from mlgym_core.execution.runner import Grid, Origin, RunResult, continue_run, run_grid
from mlgym_core.execution.transport import find_token, open_transport, rest_of
from mlgym_core.execution.watching import Watcher
from mlgym_core.registry import default_registry

_PREFLIGHT = "mlgym_core.execution.preflight:preflight"


def check(plan: Plan) -> Checked:
    """What can be known before training; nothing is made on disk.

    Raises:
        MLGymError: everything that is wrong with the plan.
    """
    return _check(_request(plan), plan.settings)


def run(plan: Plan, *, entry_command: Sequence[str], watchers: Sequence[Watcher] = ()) -> RunResult:
    """Trains the plan's experiments; while it does, SIGINT and SIGTERM end it with its events complete.

    Raises:
        MLGymError: what is wrong with the plan, before anything is made; or an event storage that cannot be written.
    """
    request = _request(plan)
    if plan.settings.executor != "main_process":
        forkserver.start(also=libraries_of(plan.text))

    def train(checked: Checked, origin: Origin, executor: Executor) -> RunResult:
        return run_grid(_grid(plan, checked, origin), executor, watchers)

    return _launch(request, plan.settings, partial(_origin, plan.folder, plan.overrides, entry_command), train)


def resume(resumption: Resumption, *, entry_command: Sequence[str], watchers: Sequence[Watcher] = ()) -> RunResult:
    """Trains what is left of a run, each experiment from its newest checkpoint; else as `run`.

    Where nothing is left nothing is written.

    Raises:
        MLGymError: the run is under way, or is not the same any more, before anything of it is touched.
    """
    run, settings = resumption.folder, resumption.settings
    rest, token = rest_of(settings.servers, settings.gs_rest_api_endpoint), find_token(settings.servers)
    reach = partial(open_transport, run, settings.servers, rest, token, settings.durability)
    if is_over(resumption) and not settings.servers:
        return _unchanged(run)
    if settings.executor != "main_process":
        forkserver.start()
    with closing(reach()) as transport:
        again = plan_again(resumption, take_over(run, transport))
        if again.is_over:
            if resumption.config is not None:
                _check(again.request, settings)
            result = _unchanged(run)
            transport.finish()  # what was brought here from a server goes again
            return result

        def train(checked: Checked, origin: Origin, executor: Executor) -> RunResult:
            grid = _grid_again(again, settings, checked, origin)
            return continue_run(grid, run, transport, executor, watchers)

        origin = partial(_origin, again.folder, again.overrides, entry_command)
        return _launch(again.request, settings, origin, train)


def _unchanged(run: RunFolder) -> RunResult:
    return RunResult(run_id=run.run_id, folder=run.path, fold=open_fold(run)[0])


def _check(request: Request, settings: RunSettings) -> Checked:
    if settings.executor == "main_process":
        from mlgym_core.execution.preflight import preflight

        return preflight(request)
    checked: Checked = forkserver.Call(_PREFLIGHT, request).result()
    return checked


def _launch(
    request: Request,
    settings: RunSettings,
    make_origin: Callable[[], Origin],
    train: Callable[[Checked, Origin, Executor], RunResult],
) -> RunResult:
    """What `train` gives, once the request is checked; meanwhile workers prepare and it is found out where we are."""
    if settings.executor == "main_process":
        from mlgym_core.execution.preflight import preflight
        from mlgym_core.execution.sequential import SequentialExecutor

        return train(preflight(request), make_origin(), SequentialExecutor(default_registry))
    forkserver.start()
    # Asked while the server imports; the next line waits for it.
    origin = make_origin()
    with closing(forkserver.Call(_PREFLIGHT, request)) as call:
        num_processes = min(settings.process_count, len(request.points))
        with ProcessExecutor(num_processes=num_processes, registrations=request.registrations) as executor:
            return train(call.result(), origin, executor)


def _request(plan: Plan) -> Request:
    return Request(
        points=plan.points,
        registrations=collect(default_registry, plan.imports, plan.folder),
        device_ids=plan.settings.device_ids,
        faults=plan.faults,
    )


def _origin(folder: Path, overrides: Sequence[str], entry_command: Sequence[str]) -> Origin:
    here = {**environment(), "folder": str(folder), "overrides": list(overrides)}
    return Origin(entry_command=entry_command, environment=here, git=git_state(folder))


def _grid(plan: Plan, checked: Checked, origin: Origin) -> Grid:
    settings = plan.settings
    return Grid(
        specs=checked.specs,
        devices=checked.devices,
        files={GRID_SEARCH_CONFIG: plan.text, RUN_CONFIG: _run_config(plan)},
        description=settings.description,
        origin=origin,
        storage=EventStorage(settings.event_storage),
        servers=settings.servers,
        rest=rest_of(settings.servers, settings.gs_rest_api_endpoint),
        fail_fast=settings.fail_fast,
        system_metrics_every=settings.system_metrics_every,
        log_level=settings.log_level,
        durability=settings.durability,
        resume_points=settings.resume_points,
    )


def _grid_again(again: Again, settings: RunSettings, checked: Checked, origin: Origin) -> Grid:
    started = again.past.state.started
    return Grid(
        specs=checked.specs,
        devices=checked.devices,
        files=again.files,
        description=(started.description if started else None) or "",
        origin=origin,
        storage=EventStorage(settings.event_storage),
        fail_fast=settings.fail_fast,
        system_metrics_every=settings.system_metrics_every,
        log_level=settings.log_level,
        durability=settings.durability,
        resume_points=settings.resume_points,
        past=again.past,
        changes=changed_circumstances(again.past.state, origin.environment, origin.git, checked.devices),
    )


def _run_config(plan: Plan) -> str:
    """The settings as used, as a `run_config.yml` that runs the grid beside it again."""
    settings = plan.settings
    document = {
        "run_configuration": {
            "type": "train",
            "config": {"num_epochs": settings.epochs, "gs_config_path": GRID_SEARCH_CONFIG},
        },
        "environment": {
            "type": "main_process" if settings.executor == "main_process" else "multiprocessing",
            "config": {
                "process_count": settings.process_count,
                "computation_device_ids": None if settings.device_ids is None else list(settings.device_ids),
            },
        },
        "logging": {
            "websocket_logging_servers": list(settings.servers),
            "gs_rest_api_endpoint": settings.gs_rest_api_endpoint,
            "text_logging_path": None if settings.text_logging_path is None else str(settings.text_logging_path),
        },
    }
    return yaml.safe_dump(document, sort_keys=False)
