"""From a plan to a run that has ended: preflight first, workers prepared meanwhile, then the runner.

Owns where these happen. In this process nothing imports torch, unless the run is to train in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

import yaml

from mlgym_core.errors import RunError
from mlgym_core.events.folder import GRID_SEARCH_CONFIG, RUN_CONFIG, EventStorage
from mlgym_core.execution import forkserver
from mlgym_core.execution.environment import environment
from mlgym_core.execution.job import Checked, Request
from mlgym_core.execution.plan import Plan
from mlgym_core.execution.processes import ProcessExecutor
from mlgym_core.execution.registrations import collect
from mlgym_core.execution.repository import git_state
from mlgym_core.execution.runner import Grid, Origin, RunResult, run_grid
from mlgym_core.execution.watching import Watcher
from mlgym_core.registry import default_registry

_PREFLIGHT = "mlgym_core.execution.preflight:preflight"


def check(plan: Plan) -> Checked:
    """What can be known before training; nothing is made on disk.

    Raises:
        MLGymError: everything that is wrong with the plan.
    """
    request = _request(plan)
    if plan.settings.executor == "main_process":
        from mlgym_core.execution.preflight import preflight

        return preflight(request)
    checked: Checked = forkserver.Call(_PREFLIGHT, request).result()
    return checked


def run(plan: Plan, *, entry_command: Sequence[str], watchers: Sequence[Watcher] = ()) -> RunResult:
    """Trains the plan's experiments; while it does, SIGINT and SIGTERM end it with its events complete.

    Raises:
        MLGymError: what is wrong with the plan, before anything is made; or an event storage that cannot be written.
    """
    if plan.settings.executor == "main_process":
        from mlgym_core.execution.sequential import SequentialExecutor

        checked = check(plan)
        return run_grid(
            _grid(plan, checked, _origin(plan, entry_command)), SequentialExecutor(default_registry), watchers
        )
    forkserver.start()
    # Asked while the server imports; the next line waits for it.
    origin = _origin(plan, entry_command)
    with closing(forkserver.Call(_PREFLIGHT, request := _request(plan))) as call:
        num_processes = min(plan.settings.process_count, len(plan.points))
        with ProcessExecutor(num_processes=num_processes, registrations=request.registrations) as executor:
            return run_grid(_grid(plan, call.result(), origin), executor, watchers)


def _request(plan: Plan) -> Request:
    return Request(
        points=plan.points,
        registrations=collect(default_registry, plan.imports, plan.folder),
        device_ids=plan.settings.device_ids,
        faults=plan.faults,
    )


def _origin(plan: Plan, entry_command: Sequence[str]) -> Origin:
    return Origin(entry_command=entry_command, environment=environment(), git=git_state(plan.folder))


def _grid(plan: Plan, checked: Checked, origin: Origin) -> Grid:
    settings = plan.settings
    for server in settings.servers:
        if not server.startswith(("http://", "https://")):
            raise RunError(
                f"{server!r} is no address of a server", code="MG106", hint="it begins with http:// or https://"
            )
    return Grid(
        specs=checked.specs,
        devices=checked.devices,
        files={GRID_SEARCH_CONFIG: plan.text, RUN_CONFIG: _run_config(plan)},
        description=settings.description,
        origin=origin,
        storage=EventStorage(settings.event_storage),
        servers=settings.servers,
        # One `ml_board` answers both on one port.
        rest=settings.gs_rest_api_endpoint or next(iter(settings.servers), None),
        fail_fast=settings.fail_fast,
        system_metrics_every=settings.system_metrics_every,
        log_level=settings.log_level,
        durability=settings.durability,
        resume_points=settings.resume_points,
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
