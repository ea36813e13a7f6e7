"""The native dialect as a whole: a configuration from a file or from Python, whichever words it is written in.

Owns the top level: `imports`, `run`, `model_info`, and everything else a slot. It knows no component.
"""

from __future__ import annotations

from collections.abc import Mapping as AbstractMapping
from pathlib import Path
from typing import Any

from mlgym_core.config.mlgym_dialect import is_mlgym, lower_mlgym
from mlgym_core.config.nodes import Mapping, Scalar, Sequence, from_plain
from mlgym_core.config.yaml_reader import read_yaml
from mlgym_core.errors import ConfigError, Diagnostic, Place

NOT_SLOTS = ("imports", "run", "model_info")
"""Top-level keys that configure no component."""


def load_config(source: str | Path | AbstractMapping[str, Any]) -> Mapping:
    """The native tree of a file, or of a dict from Python; MLgym's words are lowered to it.

    Raises:
        ConfigError: it cannot be read, or the words at the top are not what they should be.
    """
    tree = read_yaml(Path(source)) if isinstance(source, str | Path) else _from_python(source)
    tree = lower_mlgym(tree) if is_mlgym(tree) else tree
    diagnostics = _check_top(tree)
    if diagnostics:
        raise ConfigError(diagnostics)
    return tree


def imported_modules(tree: Mapping) -> dict[str, Place]:
    """The modules that `imports:` names, with their places."""
    imports = tree.get("imports")
    items = imports.items if isinstance(imports, Sequence) else ()
    return {str(item.value): item.place for item in items if isinstance(item, Scalar)}


def _from_python(source: AbstractMapping[str, Any]) -> Mapping:
    place = Place(file="config", line=0, column=0)
    try:
        tree = from_plain(dict(source), place)
    except TypeError as error:
        raise ConfigError([Diagnostic(code="MG213", message=str(error), place=place)]) from error
    assert isinstance(tree, Mapping)
    return tree


def _check_top(tree: Mapping) -> list[Diagnostic]:
    diagnostics = []
    imports = tree.get("imports")
    if imports is not None and not _are_names(imports):
        message = "`imports` is a list of modules, such as `[conv_net]`"
        diagnostics.append(Diagnostic(code="MG210", message=message, place=imports.place))
    for key in ("run", "model_info"):
        node = tree.get(key)
        if node is not None and not isinstance(node, Mapping):
            diagnostics.append(Diagnostic(code="MG210", message=f"`{key}` must be a mapping", place=node.place))
    return diagnostics


def _are_names(node: object) -> bool:
    return isinstance(node, Sequence) and all(
        isinstance(item, Scalar) and isinstance(item.value, str) for item in node.items
    )
