"""Runs from Python, in a script or a notebook: what `mlgym run` does, and a log for training loops of one's own.

Owns the translation of arguments. Importing it imports neither torch nor any component.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from mlgym_core.cli.progress import make_progress
from mlgym_core.config.settings import LogLevel, RunSettings, default_event_storage
from mlgym_core.execution.launch import resume as launch_resume
from mlgym_core.execution.launch import run as launch_run
from mlgym_core.execution.logged_run import LoggedRun
from mlgym_core.execution.logged_run import log_run as open_logged_run
from mlgym_core.execution.plan import make_plan
from mlgym_core.execution.resumption import find_resumption
from mlgym_core.execution.runner import RunResult
from mlgym_core.execution.watching import Watcher


def run(
    config: str | Path | Mapping[str, Any],
    imports: Iterable[str] = (),
    *,
    overrides: Iterable[str] = (),
    progress: bool = True,
    watchers: Sequence[Watcher] = (),
    **settings: Any,
) -> RunResult:
    """Trains the grid of a file or a dict; experiments that fail are told in the result.

    Components registered in this process are known to the training processes too, those of a script or a notebook
    itself among them. `imports` are modules beside the configuration's own; `overrides` are as `--set`; `settings` are
    those of the `run:` block, such as `process_count=2` and `event_storage="runs"`. `progress` is what `mlgym run`
    shows.

    Raises:
        MLGymError: what is wrong with the configuration, before anything is made.
    """
    plan = make_plan(config, overrides=overrides, imports=imports, options=settings)
    return _show(partial(launch_run, plan, entry_command=sys.argv), watchers, progress=progress)


def resume(
    run: str = "last",
    experiments: Sequence[int] = (),
    *,
    num_epochs: int | None = None,
    config: str | Path | None = None,
    progress: bool = True,
    watchers: Sequence[Watcher] = (),
    **settings: Any,
) -> RunResult:
    """Goes on with what is not finished of a run, each experiment from its newest checkpoint, to the same bits.

    `run` is a run's id or `last`; `experiments` are those to go on with, all where none is named. `num_epochs` beyond
    what was configured extends finished ones. `config` is where the configuration lies now, if it has moved. The other
    arguments are as those of `run`.

    Raises:
        MLGymError: the run is under way, or is not what was recorded any more; nothing of it was touched.
    """
    resumption = find_resumption(
        run, experiment_ids=experiments, config=config, options={**settings, "epochs": num_epochs}
    )
    return _show(partial(launch_resume, resumption, entry_command=sys.argv), watchers, progress=progress)


def log_run(
    config: Mapping[str, Any],
    *,
    event_storage: str | Path | None = None,
    servers: Sequence[str] = (),
    system_metrics_every: float = 5.0,
    log_level: LogLevel = "INFO",
) -> AbstractContextManager[LoggedRun]:
    """A run for a training loop of one's own: `with log_run(config) as run: run.log({"val/loss": 0.3}, step=1)`.

    `system_metrics_every` are seconds, 0 for never; what Python's `logging` is told from `log_level` on is recorded.

    Raises:
        MLGymError: a configuration that JSON cannot hold, or an event storage that cannot be written.
    """
    settings = RunSettings(
        event_storage=Path(event_storage or default_event_storage(os.environ)),
        servers=tuple(servers),
        system_metrics_every=system_metrics_every,
        log_level=log_level,
    )
    return open_logged_run(config, settings)


def _show(launch: Callable[..., RunResult], watchers: Sequence[Watcher], *, progress: bool) -> RunResult:
    if not progress:
        return launch(watchers=watchers)
    with closing(make_progress(Console())) as display:
        return launch(watchers=[*watchers, display])
