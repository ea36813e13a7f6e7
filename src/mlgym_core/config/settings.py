"""How a run goes: epochs, seed, processes, where events go; merged from all that may say so.

Option before environment before `run_config.yml` before the `run:` block before the default. Owns the names, types and
defaults of these settings; it knows no component.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from collections.abc import Mapping as AbstractMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

import msgspec

from mlgym_core.config.nodes import Mapping, Node, from_plain, to_plain
from mlgym_core.config.suggestions import did_you_mean
from mlgym_core.config.sweep_values import is_sweep
from mlgym_core.errors import ConfigError, Diagnostic, Place
from mlgym_core.events.durability import Durability

_AtLeast1: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]
_Seed: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]
_Seconds: TypeAlias = Annotated[float, msgspec.Meta(ge=0)]
LogLevel: TypeAlias = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumePoints:
    """When training saves where it stands, beside the checkpoints that are kept: a break costs no more than that.

    After so many steps, and after so many seconds; 0 seconds for never. Where neither is said it is each 600 seconds,
    unless no checkpoints are kept at all.
    """

    steps: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """All settings of a run; `epochs`, `seed` and `threads` are None where the `run:` block sweeps them."""

    epochs: _AtLeast1 | None = 1
    seed: _Seed | None = 0
    threads: _AtLeast1 | None = 1
    process_count: _AtLeast1 = 1
    device_ids: tuple[Annotated[int, msgspec.Meta(ge=0)], ...] | None = None
    description: str = ""
    event_storage: Path = Path("event_storage")
    servers: tuple[str, ...] = ()
    gs_rest_api_endpoint: str | None = None
    text_logging_path: Path | None = None
    max_experiments: _AtLeast1 = 10_000
    fail_fast: bool = False
    executor: Literal["processes", "main_process"] = "processes"
    system_metrics_every: _Seconds = 5.0
    log_level: LogLevel = "INFO"
    durability: Durability = "synced"
    save_every_steps: _AtLeast1 | None = None
    save_every_seconds: _Seconds | None = None

    @property
    def resume_points(self) -> ResumePoints:
        """When it is saved where training stands."""
        return ResumePoints(steps=self.save_every_steps, seconds=self.save_every_seconds)


SHAPING_RESULTS = ("epochs", "seed", "threads")
"""Settings that are part of an experiment's configuration and its hash, and that may be swept."""

OPTION_OF = {
    "epochs": "--num_epochs",
    "seed": "--seed",
    "threads": "--threads",
    "process_count": "--process_count",
    "device_ids": "--device_ids",
    "description": "--description",
    "event_storage": "--event_storage_path",
    "servers": "--server",
    "gs_rest_api_endpoint": "--gs_rest_api_endpoint",
    "text_logging_path": "--text_logging_path",
    "max_experiments": "--max_experiments",
    "fail_fast": "--fail-fast",
    "executor": "--executor",
    "system_metrics_every": "--system_metrics_every",
    "log_level": "--log_level",
    "durability": "--durability",
    "save_every_steps": "--save_every_steps",
    "save_every_seconds": "--save_every_seconds",
}
"""The option of the command line that stands for each setting, as messages name it."""

MEANING_OF = {
    "epochs": "how often each experiment passes over its training data",
    "seed": "the seed of every component that names none of its own",
    "threads": "threads of each training process; another number gives other bits",
    "process_count": "how many experiments are trained at a time",
    "device_ids": "the GPUs to train on, by number; all where this is absent",
    "description": "what the run is for, shown on the board",
    "event_storage": "the folder that runs are kept in",
    "servers": "boards that the run is published to; without any it writes its own log",
    "gs_rest_api_endpoint": "the server that takes configurations and checkpoints, where it is another one",
    "text_logging_path": "the folder for tracebacks",
    "max_experiments": "the largest grid that may start",
    "fail_fast": "stop the run when one experiment fails",
    "executor": "train in processes of their own, or in the one that was started",
    "system_metrics_every": "seconds between two samples of processors, memory, disk and network; 0 takes none",
    "log_level": "the lowest level of Python's logging that is recorded while an experiment is trained",
    "durability": "whether each commit of the log and each checkpoint is synced to the disk, or left to the system",
    "save_every_steps": "after how many steps of the optimizer it is saved where training stands, to go on from there",
    "save_every_seconds": "the same in seconds, 0 for never; 600 where this is absent and checkpoints are kept",
    "zip": "sweeps that are walked together instead of forming a product, by their paths",
}
"""What each key of the `run:` block means, for editors and help."""

ENVIRONMENT_OF = {"event_storage": "MLGYM_EVENT_STORAGE", "servers": "MLGYM_SERVER"}

_OF_THE_GRID = ("zip",)
_TYPES = get_type_hints(RunSettings, include_extras=True)
_DEFAULTS = {field.name: field.default for field in dataclasses.fields(RunSettings)}


def read_settings(
    tree: Mapping,
    *,
    options: AbstractMapping[str, Any] | None = None,
    environment: AbstractMapping[str, str] | None = None,
    run_config: Mapping | None = None,
) -> RunSettings:
    """The settings of a run of `tree`; an option that is None was not given.

    Paths of a file are relative to that file, others to the working directory.

    Raises:
        ConfigError: unknown settings and values that do not fit, all of them.
    """
    sources = (_from_options(options or {}), _from_environment(environment or {}), run_config, _run_block(tree))
    merged: dict[str, Node] = {}
    diagnostics: list[Diagnostic] = []
    for source in filter(None, sources):
        diagnostics += _unknown(source)
        for name, node in source.entries.items():
            if name in _TYPES and name not in merged and to_plain(node) is not None:
                merged[name] = node
    swept = {name for name, node in merged.items() if name in SHAPING_RESULTS and is_sweep(node)}
    values: dict[str, Any] = {
        name: None if name in swept else _convert(name, node, diagnostics) for name, node in merged.items()
    }
    if diagnostics:
        raise ConfigError(diagnostics)
    return RunSettings(**values)


def default_event_storage(environment: AbstractMapping[str, str]) -> Path:
    """Where runs are kept where nobody else says it: as the environment does, else in `event_storage`."""
    return Path(environment.get(ENVIRONMENT_OF["event_storage"]) or RunSettings().event_storage)


def apply_settings(tree: Mapping, settings: RunSettings) -> Mapping:
    """The tree whose `run:` block holds the settings that shape results, but for those that it sweeps."""
    place = _named("settings")
    block = _run_block(tree) or from_plain({}, place)
    assert isinstance(block, Mapping)
    for name in SHAPING_RESULTS:
        value, node = getattr(settings, name), block.get(name)
        if value is not None and (node is None or to_plain(node) != value):
            block = block.with_entry(name, from_plain(value, place))
    return tree.with_entry("run", block)


def settings_beside(tree: Mapping, settings: RunSettings) -> list[str]:
    """What was said elsewhere of settings that shape results than in the `run:` block, as for `--set`."""
    block = _run_block(tree)
    told = {name: block.get(name) if block is not None else None for name in SHAPING_RESULTS}
    there = {name: _DEFAULTS[name] if node is None else to_plain(node) for name, node in told.items()}
    values = {name: getattr(settings, name) for name in SHAPING_RESULTS}
    return [f"run.{name}={value}" for name, value in values.items() if value is not None and value != there[name]]


def result_settings(tree: Mapping) -> tuple[dict[str, Any], list[Diagnostic]]:
    """The settings of one point that shape its results, defaults filled in, and what is wrong with them."""
    diagnostics: list[Diagnostic] = []
    block = _run_block(tree)
    given = {name: block[name] for name in SHAPING_RESULTS if block is not None and name in block}
    values = {name: _convert(name, node, diagnostics) for name, node in given.items() if not is_sweep(node)}
    return {name: values.get(name, _DEFAULTS[name]) for name in SHAPING_RESULTS}, diagnostics


def settings_schema() -> dict[str, Any]:
    """JSON schemas of the keys of the `run:` block; those in `SHAPING_RESULTS` may be sweeps too."""
    found = {name: msgspec.json.schema(each, schema_hook=lambda _: {"type": "string"}) for name, each in _TYPES.items()}
    found |= {name: {"type": "array", "items": {"type": ["string", "array"]}} for name in _OF_THE_GRID}
    return {name: {**schema, "description": MEANING_OF[name]} for name, schema in found.items()}


def _run_block(tree: Mapping) -> Mapping | None:
    run = tree.get("run")
    return run if isinstance(run, Mapping) else None


def _from_options(options: AbstractMapping[str, Any]) -> Mapping:
    given = {name: str(each) if isinstance(each, Path) else each for name, each in options.items() if each is not None}
    return _source({name: from_plain(value, _named(OPTION_OF.get(name, name))) for name, value in given.items()})


def _from_environment(environment: AbstractMapping[str, str]) -> Mapping:
    found = {name: environment[variable] for name, variable in ENVIRONMENT_OF.items() if environment.get(variable)}
    values = {name: text.split() if name == "servers" else text for name, text in found.items()}
    return _source({name: from_plain(value, _named(ENVIRONMENT_OF[name])) for name, value in values.items()})


def _source(entries: dict[str, Node]) -> Mapping:
    key_places = {name: node.place for name, node in entries.items()}
    return Mapping(entries=entries, key_places=key_places, place=_named("settings"))


def _named(name: str) -> Place:
    return Place(file=name, line=0, column=0)


def _unknown(source: Mapping) -> Iterator[Diagnostic]:
    known = [*_TYPES, *_OF_THE_GRID]
    for name in source:
        if name not in known:
            yield Diagnostic(
                code="MG230",
                message=f"no run setting {name!r}{did_you_mean(name, known)}",
                place=source.key_place(name),
                hint=f"accepted: {', '.join(known)}",
            )


def _convert(name: str, node: Node, diagnostics: list[Diagnostic]) -> Any:
    try:
        value = msgspec.convert(to_plain(node), _TYPES[name], dec_hook=_read_path)
    except msgspec.ValidationError as error:
        why = str(error).replace("`", "").replace(" | null", "").partition(" - at ")[0]
        message = f"run setting {name!r}: {why[0].lower()}{why[1:]}"
        choices = get_args(_TYPES[name]) if get_origin(_TYPES[name]) is Literal else ()
        hint = f"accepted: {', '.join(choices)}" if choices else None
        diagnostics.append(Diagnostic(code="MG231", message=message, place=node.place, hint=hint))
        return _DEFAULTS[name]
    is_from_file = isinstance(value, Path) and node.place.line > 0
    return Path(node.place.file).parent / value if is_from_file else value


def _read_path(wanted: type, value: Any) -> Path:
    if wanted is not Path or not isinstance(value, str) or not value:
        raise ValueError("Expected a path")
    return Path(value)
