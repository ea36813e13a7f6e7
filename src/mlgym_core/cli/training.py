"""`mlgym run`, `mlgym resume` and `mlgym check`, and the form of these that a `run.py` has had since MLgym.

Owns what is said before and after a run. This process never imports torch, unless it is asked to train itself.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from mlgym_core.cli.progress import make_progress
from mlgym_core.cli.reporting import TextLog
from mlgym_core.cli.scores import best_experiment
from mlgym_core.cli.terminal import print_json
from mlgym_core.config.run_config import RunConfig, read_run_config
from mlgym_core.config.settings import RunSettings
from mlgym_core.errors import RunError
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.lock import liveness
from mlgym_core.events.projections.views import choices_text, show_document
from mlgym_core.execution import launch
from mlgym_core.execution.job import Checked
from mlgym_core.execution.plan import Plan, make_plan
from mlgym_core.execution.resumption import find_resumption
from mlgym_core.execution.runner import RunResult

_SETTING_OF = {
    "num_epochs": "epochs",
    "event_storage_path": "event_storage",
    "server": "servers",
    "websocket_logging_servers": "servers",
}
_SETTINGS = (
    "process_count",
    "device_ids",
    "seed",
    "threads",
    "max_experiments",
    "executor",
    "fail_fast",
    "gs_rest_api_endpoint",
    "text_logging_path",
)


def run(options: argparse.Namespace, log: TextLog) -> int:
    """Trains a grid."""
    run_config = read_run_config(Path(options.run_config)) if options.run_config else None
    return _run(options, log, options.config, run_config)


def resume(options: argparse.Namespace, log: TextLog) -> int:
    """Goes on with a run."""
    run_config = read_run_config(Path(options.run_config)) if options.run_config else None
    return _resume(options, log, options.run_id, run_config)


def run_mlgym(options: argparse.Namespace, log: TextLog) -> int:
    """Trains a grid, or goes on with a run, as MLgym's command line says it."""
    run_config = read_run_config(Path(options.config_path)) if options.config_path else None
    mode = options.mode or (run_config.type if run_config else None)
    if mode in ("warmstart", "warm_start"):
        run_id = getattr(options, "grid_search_id", None) or (run_config.gridsearch_id if run_config else None)
        config = run_config.gs_config_path if run_config else None
        whole = argparse.Namespace(**{"experiment_ids": [], "config": config, "json": False, **vars(options)})
        return _resume(whole, log, run_id or "last", run_config)
    config = getattr(options, "gs_config_path", None) or (run_config.gs_config_path if run_config else None)
    if config is None:
        raise RunError(
            "no grid to train was named",
            code="MG102",
            hint="give `train --gs_config_path FILE`, or `--config_path FILE` with a run_config.yml that has one",
        )
    whole = argparse.Namespace(**{**_ABSENT, **vars(options)})
    return _run(whole, log, config, run_config)


def check(options: argparse.Namespace, log: TextLog) -> int:
    """Says whether a grid could be trained."""
    checked = launch.check(_plan(options, log, options.config, None))
    if options.json:
        print_json({"num_experiments": len(checked.specs), "diagnostics": []})
    else:
        print(f"{options.config}: {_experiments(len(checked.specs))}, no faults")
    return 0


_ABSENT: dict[str, Any] = {"overrides": [], "dry_run": False, "json": False}


def _run(options: argparse.Namespace, log: TextLog, config: str | Path, run_config: RunConfig | None) -> int:
    plan = _plan(options, log, config, run_config)
    if options.dry_run:
        _print_experiments(launch.check(plan), as_json=options.json)
        return 0
    return _train(partial(launch.run, plan), options, log, plan.settings)


def _resume(options: argparse.Namespace, log: TextLog, run_id: str, run_config: RunConfig | None) -> int:
    _check_environment(run_config)
    resumption = find_resumption(
        run_id,
        experiment_ids=options.experiment_ids,
        config=options.config,
        options=_given_settings(options),
        run_config=run_config.settings if run_config else None,
    )
    log.folder = resumption.settings.text_logging_path
    return _train(partial(launch.resume, resumption), options, log, resumption.settings)


def _train(launched: Callable[..., RunResult], options: argparse.Namespace, log: TextLog, settings: RunSettings) -> int:
    began = time.monotonic()
    console = Console(stderr=options.json)
    progress = make_progress(console)
    # Standard output is for the document alone, also where training prints in this process.
    aside = contextlib.redirect_stdout(sys.stderr) if options.json else contextlib.nullcontext()
    try:
        with aside:
            result = launched(entry_command=sys.argv, watchers=[log, progress])
    finally:
        progress.close()
    if options.json:
        print_json(_document(result))
    elif log.has_begun:
        _print_ending(result, settings, log, time.monotonic() - began)
    else:
        print(f"run {result.run_id}: there is nothing left to do")
    return 0 if result.is_success else 1


def _plan(options: argparse.Namespace, log: TextLog, config: str | Path, run_config: RunConfig | None) -> Plan:
    _check_environment(run_config)
    plan = make_plan(
        config,
        overrides=options.overrides,
        options=_given_settings(options),
        run_config=run_config.settings if run_config else None,
    )
    log.folder = plan.settings.text_logging_path
    return plan


def _check_environment(run_config: RunConfig | None) -> None:
    if run_config is not None and run_config.environment == "accelerate":
        raise RunError(
            "the environment `accelerate` is not available yet",
            code="MG103",
            hint="environment: type: multiprocessing, or main_process",
        )


def _given_settings(options: argparse.Namespace) -> dict[str, Any]:
    given = {_SETTING_OF.get(name, name): value for name, value in vars(options).items() if value is not None}
    return {name: given.get(name) for name in (*_SETTINGS, *_SETTING_OF.values())}


def _print_experiments(checked: Checked, *, as_json: bool) -> None:
    if as_json:
        experiments = [
            {"experiment_id": spec.experiment_id, "choices": spec.choices, "config": spec.config}
            for spec in checked.specs
        ]
        print_json({"num_experiments": len(experiments), "experiments": experiments})
        return
    for spec in checked.specs:
        print(f"experiment {spec.experiment_id}: {choices_text(spec.choices) or 'as configured'}")
    print(f"{_experiments(len(checked.specs))} would run")


def _document(result: RunResult) -> dict[str, Any]:
    run = RunFolder(result.folder)
    return {**show_document(result.fold, liveness(run)), "folder": str(run.path), "num_waiting": result.num_waiting}


def _print_ending(result: RunResult, settings: RunSettings, log: TextLog, seconds: float) -> None:
    counts = Counter(each.status for each in result.state.experiments.values())
    told = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    print(f"run {result.run_id} {result.status} after {seconds:.1f} s: {told}")
    best = best_experiment(result.state.experiments.values())
    if best is not None:
        print(f"best {best[1]}: experiment {best[0].experiment_id}")
    if log.path is not None and log.path.exists():
        print(f"why experiments did not finish: {log.path}")
    storage = settings.event_storage
    if result.num_waiting:
        print(f"{result.num_waiting} events could not be sent and wait in {result.folder}; `mlgym sync` sends them")
    elif not settings.servers:
        print(f"state: mlgym show {result.run_id} --event_storage_path {storage}")
        print(f"board: ml_board --event_storage_path {storage}")


def _experiments(count: int) -> str:
    return f"{count} experiment{'' if count == 1 else 's'}"
