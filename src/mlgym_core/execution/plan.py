"""What shall run: a configuration read and expanded, and the settings of the run, before any component is looked at.

Owns the way from a file or a dict to the points of a grid. Everything here is light: it never imports torch.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from collections.abc import Mapping as AbstractMapping
from collections.abc import Sequence as AbstractSequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mlgym_core.config.native import imported_modules, load_config
from mlgym_core.config.nodes import Mapping, Scalar, Sequence, to_plain
from mlgym_core.config.overrides import apply_overrides
from mlgym_core.config.settings import RunSettings, apply_settings, read_settings
from mlgym_core.config.sweeps import Point, expand
from mlgym_core.errors import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A grid that is about to run.

    `text` is the configuration as it was given, for the record; `folder` is where its relative paths begin and where
    its `imports` are found.
    """

    points: AbstractSequence[Point]
    settings: RunSettings
    text: str
    folder: Path
    imports: AbstractMapping[str, Place]


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
        ConfigError: with all faults that show without knowing any component.
    """
    given = load_config(config)
    tree = apply_overrides(_with_imports(given, imports), overrides)
    settings = read_settings(tree, options=options, environment=os.environ, run_config=run_config)
    points = expand(apply_settings(tree, settings), settings.max_experiments)
    if isinstance(config, AbstractMapping):
        text, folder = yaml.safe_dump(to_plain(given), sort_keys=False), Path()
    else:
        text, folder = Path(config).read_text(encoding="utf-8"), Path(config).parent
    return Plan(points=points, settings=settings, text=text, folder=folder.resolve(), imports=imported_modules(tree))


def _with_imports(tree: Mapping, imports: Iterable[str]) -> Mapping:
    place = Place(file="imports", line=0, column=0)
    added = tuple(Scalar(value=module, place=place) for module in imports)
    if not added:
        return tree
    known = tree.get("imports")
    items = known.items if isinstance(known, Sequence) else ()
    return tree.with_entry("imports", Sequence(items=(*items, *added), place=known.place if known else place))
