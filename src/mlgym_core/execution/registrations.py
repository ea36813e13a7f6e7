"""What a process must import or be sent so that it knows the components that a run may name.

Owns the crossing to another process: modules by name, and by dill the components of `__main__`, which is not run again.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mlgym_core.errors import BuildError, Diagnostic, Place
from mlgym_core.registry import Component, Registry, import_modules, load_plugins

_BUILT_IN = "mlgym_core.components"
_OWN_PACKAGE = "mlgym_core."


@dataclass(frozen=True, slots=True, kw_only=True)
class Registrations:
    """What one process tells another of components.

    `modules` were imported here and register theirs when they are imported there; `pickled` are those of `__main__`,
    empty where there are none. `imports` are the modules that the configuration names, found in `folder`.
    """

    modules: tuple[str, ...] = ()
    pickled: bytes = b""
    imports: Mapping[str, Place] = field(default_factory=dict)
    folder: str = ""


def collect(registry: Registry, imports: Mapping[str, Place], folder: Path) -> Registrations:
    """What another process needs to know all that `registry` knows, and what the configuration imports.

    Raises:
        BuildError: a component of `__main__` or a notebook refers to something that cannot be sent.
    """
    own = [each for each in registry.registered() if not each.module.startswith(_OWN_PACKAGE)]
    modules = {each.module for each in own if _is_importable(each.module)}
    sent = [each for each in own if each.module not in modules]
    return Registrations(
        modules=tuple(sorted(modules)),
        pickled=_pickle(sent) if sent else b"",
        imports=dict(imports),
        folder=str(folder),
    )


def learn(registrations: Registrations, registry: Registry) -> list[Diagnostic]:
    """Makes this process know built-in components, plug-ins and what was collected; the faults of imports that fail.

    `registry` is the one that modules register in.
    """
    importlib.import_module(_BUILT_IN)
    diagnostics = load_plugins()
    for module in registrations.modules:
        importlib.import_module(module)
    if registrations.pickled:
        import dill  # few runs need it

        for component in dill.loads(registrations.pickled):
            registry.add(component)
    return diagnostics + import_modules(registrations.imports, registrations.folder, registrations.imports)


def _is_importable(module: str) -> bool:
    return module != "__main__" and getattr(sys.modules.get(module), "__spec__", None) is not None


def _pickle(components: Sequence[Component]) -> bytes:
    import dill

    try:
        # Without `recurse` a function would be sent with all globals of its module, or with none.
        pickled: bytes = dill.dumps(components, recurse=True)
    except Exception as error:  # whatever the user's objects raise when they are pickled
        names = ", ".join(f"{each.kind} {each.name!r}" for each in components)
        raise BuildError(
            f"{names} cannot be sent to the training processes: {error}",
            code="MG306",
            hint="move it into a module of its own and name that in `imports:`",
        ) from error
    return pickled
