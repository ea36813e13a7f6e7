"""Components from elsewhere: plug-ins by entry point, and the modules that a configuration imports.

Owns the importing and what is said when it fails. Both register through `@register` as they are imported.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Iterable, Mapping
from importlib.machinery import PathFinder
from importlib.metadata import entry_points
from pathlib import Path

from mlgym_core.errors import Diagnostic, MLGymError, Place

ENTRY_POINT_GROUP = "mlgym.components"


def load_plugins() -> list[Diagnostic]:
    """Imports what installed packages name under the entry point group; the faults of those that fail."""
    diagnostics = []
    for entry_point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda each: each.name):
        try:
            entry_point.load()
        except Exception as error:  # a plug-in may raise anything, and the others should still load
            message = f"the plug-in {entry_point.name!r} ({entry_point.value}) cannot be loaded: {_last_line(error)}"
            diagnostics.append(Diagnostic(code="MG251", message=message, hint=_where(error)))
    return diagnostics


def import_modules(
    names: Iterable[str], folder: str | Path, places: Mapping[str, Place] | None = None
) -> list[Diagnostic]:
    """Imports modules, looking in `folder` first, which stays on the path; the faults of those that fail."""
    home = str(Path(folder).resolve())
    if home not in sys.path:
        sys.path.insert(0, home)
        importlib.invalidate_caches()
    faults = (_import(name, home, (places or {}).get(name)) for name in names)
    return [fault for fault in faults if fault is not None]


def _import(name: str, home: str, place: Place | None) -> Diagnostic | None:
    if name.endswith(".py") or not all(part.isidentifier() for part in name.split(".")):
        hint = f"write it as in Python's `import`: {Path(name).stem}" if name.endswith(".py") else None
        return _fault(f"{name!r} is no name of a module", place, hint)
    if shadow := _shadowed_by(name.partition(".")[0], home):
        return _fault(f"{name!r} is loaded from {shadow} already", place, "give the module in this folder another name")
    try:
        importlib.import_module(name)
    except Exception as error:  # the user's own code may raise anything while it is imported
        return _fault(f"cannot import {name!r}: {_last_line(error)}", place, _where(error))
    return None


def _fault(message: str, place: Place | None, hint: str | None) -> Diagnostic:
    return Diagnostic(code="MG250", message=message, place=place, hint=hint)


def _shadowed_by(name: str, home: str) -> str | None:
    """The file of a loaded module that hides the one in `home`, if there is one there."""
    loaded = getattr(sys.modules.get(name), "__file__", None)
    spec = PathFinder.find_spec(name, [home]) if loaded else None
    if loaded is None or spec is None or spec.origin is None:
        return None
    return None if Path(loaded).resolve() == Path(spec.origin).resolve() else str(loaded)


def _last_line(error: BaseException) -> str:
    if isinstance(error, MLGymError):
        return str(error)
    return traceback.format_exception_only(error)[-1].strip()


def _where(error: BaseException) -> str | None:
    """The innermost line of the user's own files in the traceback, or the one that is no Python."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"at {error.filename}:{error.lineno}"
    frames = [each for each in traceback.extract_tb(error.__traceback__) if not each.filename.startswith("<")]
    own = [each for each in frames if Path(each.filename).resolve() != Path(__file__).resolve()]
    own = [each for each in own if "importlib" not in Path(each.filename).parts]
    return f"at {own[-1].filename}:{own[-1].lineno}" if own else None
