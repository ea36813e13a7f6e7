"""What a process must import or be sent so that it knows the components that another one knows.

Owns the crossing: modules by name, and by dill the components of `__main__`, which a worker must not run again.
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass

from mlgym_core.errors import BuildError
from mlgym_core.registry import Registry

_OWN_PACKAGE = "mlgym_core."


@dataclass(frozen=True, slots=True, kw_only=True)
class Registrations:
    """`modules` register their components when they are imported; `components` are pickled, empty where there are none."""

    modules: tuple[str, ...] = ()
    components: bytes = b""


def collect(registry: Registry) -> Registrations:
    """What another process needs to know all that `registry` knows beyond the built-in components and plug-ins.

    Raises:
        BuildError: a component of `__main__` or a notebook refers to something that cannot be sent.
    """
    own = [each for each in registry.registered() if not each.module.startswith(_OWN_PACKAGE)]
    modules = {each.module for each in own if _is_importable(each.module)}
    sent = [each for each in own if each.module not in modules]
    return Registrations(modules=tuple(sorted(modules)), components=_pickle(sent) if sent else b"")


def restore(registrations: Registrations, registry: Registry) -> None:
    """Makes `registry`, which imported modules fill, know what was collected elsewhere."""
    for module in registrations.modules:
        importlib.import_module(module)
    if registrations.components:
        import dill  # only runs with components of `__main__` need it

        for component in dill.loads(registrations.components):
            registry.add(component)


def _is_importable(module: str) -> bool:
    return module != "__main__" and getattr(sys.modules.get(module), "__spec__", None) is not None


def _pickle(components: list[object]) -> bytes:
    import dill

    try:
        # Without `recurse` a function would be sent with all globals of its module, or with none.
        pickled: bytes = dill.dumps(components, recurse=True)
    except Exception as error:  # whatever the user's objects raise when they are pickled
        names = ", ".join(repr(getattr(each, "name", each)) for each in components)
        raise BuildError(
            f"the components {names} cannot be sent to the training processes: {error}",
            code="MG320",
            hint="move them into a module of their own and name it in `imports:`",
        ) from error
    return pickled
