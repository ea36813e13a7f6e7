"""`mlgym schema` and `mlgym components`: what a configuration may say.

Owns how it is told. It imports every component, in this process.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from mlgym_core.cli.reporting import TextLog
from mlgym_core.cli.terminal import print_json
from mlgym_core.config.native import imported_modules, load_config
from mlgym_core.errors import ConfigError, RunError
from mlgym_core.execution.registrations import Registrations, learn
from mlgym_core.registry import Component, Parameter, Registry, default_registry, json_schema


def schema(options: argparse.Namespace, _log: TextLog) -> int:
    """Prints the schema that an editor completes and checks configurations with."""
    print_json(json_schema(_registry(options.config)))
    return 0


def components(options: argparse.Namespace, _log: TextLog) -> int:
    """Lists kinds, names and arguments of all components, a line each."""
    registry = _registry(options.config)
    kinds = registry.kinds()
    if options.kind is not None and options.kind not in kinds:
        raise RunError(f"no component is of kind {options.kind!r}", code="MG108", hint=f"kinds: {', '.join(kinds)}")
    found = [
        component
        for kind in ([options.kind] if options.kind else kinds)
        for name in registry.names(kind)
        if (component := registry.find(kind, name)) is not None
    ]
    if options.json:
        print_json([_entry(each) for each in found])
        return 0
    for each in found:
        arguments = ", ".join(_argument(parameter) for parameter in each.parameters)
        line = f"{each.kind}  {each.name}({arguments})"
        print(f"{line}  {each.description}" if each.description else line)
    return 0


def _registry(config: str | None) -> Registry:
    """All that is registered, and what the configuration imports."""
    imports = imported_modules(load_config(config)) if config else {}
    folder = str(Path(config).parent.resolve()) if config else ""
    faults = learn(Registrations(imports=imports, folder=folder), default_registry)
    if faults:
        raise ConfigError(faults)
    return default_registry


def _entry(component: Component) -> dict[str, object]:
    arguments = [
        {"name": each.name, "required": each.required, "description": each.description} for each in component.parameters
    ]
    return {
        "kind": component.kind,
        "name": component.name,
        "arguments": arguments,
        "description": component.description,
    }


def _argument(parameter: Parameter) -> str:
    if parameter.slot is not None:
        return f"{parameter.name}=${parameter.slot.name}"
    return parameter.name if parameter.required else f"{parameter.name}={json.dumps(parameter.default, default=_name)}"


def _name(default: object) -> str:
    """A default that no configuration can give, such as a function: by its name, not its place in memory."""
    return str(getattr(default, "__name__", default))
