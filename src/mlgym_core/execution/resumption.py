"""Which run shall go on, how far, and by which settings, before anything of it is touched.

Owns the way from a run's name to its folder, fetched from its server where it is kept there, and the precedence of
settings: what is said now goes before what the run recorded. It never imports torch.
"""

from __future__ import annotations

import os
from collections.abc import Mapping as AbstractMapping
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlgym_core.config.native import load_config
from mlgym_core.config.nodes import Mapping
from mlgym_core.config.run_config import read_run_config
from mlgym_core.config.settings import ENVIRONMENT_OF, RunSettings, read_settings
from mlgym_core.errors import Place, StoreError
from mlgym_core.events.codes import NOT_FOUND
from mlgym_core.events.folder import GRID_SEARCH_CONFIG, RUN_CONFIG, EventStorage, RunFolder
from mlgym_core.execution.transport import find_token, rest_of

_RECORDED = (
    "process_count",
    "device_ids",
    "executor",
    "servers",
    "gs_rest_api_endpoint",
    "fail_fast",
    "system_metrics_every",
    "log_level",
    "durability",
    "save_every_steps",
    "save_every_seconds",
)
"""Settings that go on as they were unless something else is said; what shapes results is in the log."""
_NOTHING = Mapping(entries={}, key_places={}, place=Place(file="settings", line=0, column=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumption:
    """A run that shall go on: `experiment_ids` of it, or all, up to `num_epochs`, or as far as was recorded.

    `config` is a file that should mean what the run recorded; its modules lie beside it.
    """

    folder: RunFolder
    settings: RunSettings
    experiment_ids: Sequence[int] = ()
    num_epochs: int | None = None
    config: Path | None = None


def find_resumption(
    run_id: str,
    *,
    experiment_ids: Sequence[int] = (),
    config: str | Path | None = None,
    options: AbstractMapping[str, Any] | None = None,
    run_config: Mapping | None = None,
) -> Resumption:
    """The run `run_id`, or the `last` one, and how it goes on; `options` go before the environment and `run_config`.

    Raises:
        ConfigError: settings that do not fit.
        StoreError: there is no such run, or another process has it.
        RunError: its server cannot be reached.
    """
    options, said = options or {}, run_config or _NOTHING
    now = read_settings(_NOTHING, options=options, environment=os.environ, run_config=said)
    has_epochs = options.get("epochs") is not None or "epochs" in said
    num_epochs = now.epochs if has_epochs else None
    folder = _find(EventStorage(now.event_storage), run_id, options, now, with_finished=num_epochs is not None)
    block, recorded = _recorded(folder)
    settings = read_settings(
        block,
        options=options,
        environment=os.environ,
        run_config=replace(
            said,
            entries={**recorded.entries, **said.entries},
            key_places={**recorded.key_places, **said.key_places},
        ),
    )
    if not folder.is_staged:
        # Where it goes on in its own storage no server has part in it, whatever the environment names.
        settings = replace(settings, servers=())
    return Resumption(
        folder=folder,
        settings=settings,
        experiment_ids=experiment_ids,
        num_epochs=num_epochs,
        config=None if config is None else Path(config),
    )


def _find(
    storage: EventStorage,
    run_id: str,
    options: AbstractMapping[str, Any],
    settings: RunSettings,
    *,
    with_finished: bool,
) -> RunFolder:
    """The run's folder: in the storage, or in its outbox, brought there from its server."""
    here, waiting = storage.run(run_id), storage.outbox.run(run_id)
    if waiting.exists() and not settings.servers:
        _, recorded = _recorded(waiting)
        settings = read_settings(_NOTHING, options=options, run_config=recorded)
    if settings.servers and (options.get("servers") or not here.exists()):
        from mlgym_core.publish.adopting import adopt

        token, rest = find_token(settings.servers), rest_of(settings.servers, settings.gs_rest_api_endpoint)
        assert rest is not None
        return adopt(storage, run_id, settings.servers, rest, token, with_finished=with_finished)
    try:
        found = storage.open(run_id)
    except StoreError as error:
        if error.code == NOT_FOUND:
            error.hint = f"{error.hint}; a run of a server goes on with --server or {ENVIRONMENT_OF['servers']}"
        raise
    return RunFolder(found.path.absolute())


def _recorded(folder: RunFolder) -> tuple[Mapping, Mapping]:
    """The `run:` block of the run's configuration and the settings of its `run_config.yml`, as far as they go on."""
    config, settings = folder.config_path(GRID_SEARCH_CONFIG), folder.config_path(RUN_CONFIG)
    block = load_config(config).get("run") if config.is_file() else None
    entries = _lasting(block) if isinstance(block, Mapping) else _NOTHING
    return (
        _NOTHING.with_entry("run", entries),
        _lasting(read_run_config(settings).settings) if settings.is_file() else _NOTHING,
    )


def _lasting(settings: Mapping) -> Mapping:
    return settings.without(*(name for name in settings if name not in _RECORDED))
