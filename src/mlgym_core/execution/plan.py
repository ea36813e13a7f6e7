"""What shall run: a configuration read and expanded, and the settings of the run, before any component is looked at.

Owns the way from a file or a dict to the points of a grid. Everything here is light: it never imports torch.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from collections.abc import Mapping as AbstractMapping
from collections.abc import Sequence as AbstractSequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import yaml

from mlgym_core.config.native import imported_modules, load_config
from mlgym_core.config.nodes import Mapping, Scalar, Sequence, to_plain
from mlgym_core.config.overrides import apply_overrides
from mlgym_core.config.settings import RunSettings, apply_settings, read_settings, settings_beside
from mlgym_core.config.sweeps import Point, expand
from mlgym_core.errors import ConfigError, Diagnostic, Place

ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A grid that is about to run.

    `text` is the configuration as it was given, for the record; `folder` is where its relative paths begin and where
    its `imports` are found. `overrides` are what was put into the file's configuration, settings that shape results
    among it. `faults` are what is wrong as far as it shows without knowing any component; where there
    are some the plan is there to be checked for more, and cannot run.
    """

    points: AbstractSequence[Point]
    settings: RunSettings
    text: str
    folder: Path
    imports: AbstractMapping[str, Place]
    overrides: tuple[str, ...] = ()
    faults: tuple[Diagnostic, ...] = ()


def make_plan(
    config: str | Path | AbstractMapping[str, Any],
    *,
    overrides: Iterable[str] = (),
    imports: Iterable[str] = (),
    options: AbstractMapping[str, Any] | None = None,
    run_config: Mapping | None = None,
) -> Plan:
    """The plan for `config`; `options` go before the environment, that before `run_config` and the `run:` block.

    Raises:
        ConfigError: the file cannot be read, or its top level is not that of a configuration.
    """
    given = load_config(config)
    named = _with_imports(given, imports)
    overrides = tuple(overrides)
    faults: list[Diagnostic] = []
    tree = _tried(lambda: apply_overrides(named, overrides), named, faults)
    read = partial(read_settings, tree, options=options, environment=os.environ, run_config=run_config)
    settings = _tried(read, RunSettings(), faults)
    whole = apply_settings(tree, settings)
    points = _tried(lambda: expand(whole, settings.max_experiments), [Point(tree=whole)], faults)
    if isinstance(config, AbstractMapping):
        text, folder = yaml.safe_dump(to_plain(given), sort_keys=False), Path()
    else:
        text, folder = Path(config).read_text(encoding="utf-8"), Path(config).parent
    return Plan(
        points=points,
        settings=settings,
        text=text,
        folder=folder.resolve(),
        imports=imported_modules(tree),
        overrides=(*overrides, *settings_beside(tree, settings)),
        faults=tuple(faults),
    )


def _tried(step: Callable[[], ValueT], instead: ValueT, faults: list[Diagnostic]) -> ValueT:
    """What `step` makes; where it finds faults they are noted, and `instead` lets the search for others go on."""
    try:
        return step()
    except ConfigError as error:
        faults.extend(error.diagnostics)
        return instead


def _with_imports(tree: Mapping, imports: Iterable[str]) -> Mapping:
    place = Place(file="imports", line=0, column=0)
    added = tuple(Scalar(value=module, place=place) for module in imports)
    if not added:
        return tree
    known = tree.get("imports")
    items = known.items if isinstance(known, Sequence) else ()
    return tree.with_entry("imports", Sequence(items=(*items, *added), place=known.place if known else place))
