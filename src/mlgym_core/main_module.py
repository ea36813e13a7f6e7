"""Starting processes from a script whose end is not guarded by its name.

Owns the hiding of that script. It knows nothing of the processes.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from types import ModuleType


@contextlib.contextmanager
def main_module_hidden() -> Iterator[None]:
    """Hides the main module, which multiprocessing would otherwise import anew in the process it starts."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
