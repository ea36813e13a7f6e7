"""Components by name: `@register`, signatures as schemas, references, the build graph, plug-ins.

It must not know torch, nor any component. What checks and builds is loaded when it is first asked for, so that a
process that only registers or lists does not wait for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mlgym_core.registry.component import Component, Parameter
from mlgym_core.registry.markers import Nested, Slot
from mlgym_core.registry.registry import Provider, Registry, default_registry, register

if TYPE_CHECKING:
    from mlgym_core.registry.building import Components, build
    from mlgym_core.registry.plugins import import_modules, load_plugins
    from mlgym_core.registry.resolution import Resolved, resolve, resolve_points
    from mlgym_core.registry.schema import json_schema

__all__ = [
    "Component",
    "Components",
    "Nested",
    "Parameter",
    "Provider",
    "Registry",
    "Resolved",
    "Slot",
    "build",
    "default_registry",
    "import_modules",
    "json_schema",
    "load_plugins",
    "register",
    "resolve",
    "resolve_points",
]

_MODULE_OF = {
    "Components": "building",
    "build": "building",
    "import_modules": "plugins",
    "json_schema": "schema",
    "load_plugins": "plugins",
    "Resolved": "resolution",
    "resolve": "resolution",
    "resolve_points": "resolution",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = found
    return found
