"""MLgym's own words for a grid search, lowered to the native dialect; nothing outside this package knows them.

A tree is read in two steps, each of which keeps the places of the file: `components` reads who requires whom, with
the help of `rewrite`, which turns sweeps and injectables into their native form; `lowering` makes the native slots.
It knows which words there are, not which components are registered: that is checked on the native tree.
"""

from __future__ import annotations

from mlgym_core.config.mlgym_dialect.components import read_components
from mlgym_core.config.mlgym_dialect.faults import Faults
from mlgym_core.config.mlgym_dialect.lowering import lower_components
from mlgym_core.config.nodes import Mapping

__all__ = ["is_mlgym", "lower_mlgym"]


def is_mlgym(tree: Mapping) -> bool:
    """Whether some top-level entry of `tree` speaks of itself with `component_type_key`."""
    return any(isinstance(entry, Mapping) and "component_type_key" in entry for entry in tree.entries.values())


def lower_mlgym(tree: Mapping) -> Mapping:
    """The native tree that says the same; each node stands where its MLgym words stand.

    `imports`, `run` and `model_info` are kept, `global_config` only holds anchors and is dropped.

    Raises:
        ConfigError: with every word that is unknown, out of place or not available yet.
    """
    faults = Faults()
    components = read_components(tree, faults)
    native = lower_components(tree, components, faults)
    faults.raise_if_any()
    return native
