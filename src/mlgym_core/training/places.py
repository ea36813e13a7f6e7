"""Where in the configuration stands what an error of training speaks of. Owns which slot is at fault."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mlgym_core.components.trainers.memory import is_of_memory
from mlgym_core.errors import RunError
from mlgym_core.registry import Components


@contextmanager
def saying_where(components: Components) -> Iterator[None]:
    """Lets an error of the trainer name its place, and one of memory that of the loaders."""
    try:
        yield
    except RunError as error:
        error.place = error.place or components.place("trainer")
        raise
    except (RuntimeError, MemoryError) as error:
        if is_of_memory(error) and (place := components.place("loaders")):
            error.add_note(f"  the batches are made at {place}")
        raise
