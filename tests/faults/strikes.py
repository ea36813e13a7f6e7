"""kill -9 of one's own process at the n-th call of a place, from within: in what a component does, and between files.

Works by what it puts around the methods of classes, so that nothing of the project knows of it. Knows no trial.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mlgym_core.checkpoints.contents import Content, Frozen, Ready

Point = tuple[str, int]
"""A place, and the how manieth call of it."""
_FILE_EVENTS = frozenset({"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree"})


class Strikes:
    """Counts the calls of places from `begin` on, and kills this process just before the call `at`."""

    def __init__(self, at: Point | None = None) -> None:
        self.counts: Counter[str] = Counter()
        self._at = at
        self._has_begun = False
        self._lock = threading.Lock()

    def begin(self, *_: Any) -> None:
        """What was called before was only a rehearsal."""
        self._has_begun = True

    def __call__(self, place: str) -> None:
        """One more call of `place`."""
        if not self._has_begun:
            return
        with self._lock:
            self.counts[place] += 1
            if (place, self.counts[place]) == self._at:
                os.kill(os.getpid(), signal.SIGKILL)

    def before(self, owner: Any, method: str, place: str) -> None:
        """Each call of a method counts as one of `place`."""
        _wrap(owner, method, lambda *_: self(place))

    def begin_before(self, owner: Any, method: str) -> None:
        """The first call of a method begins to count."""
        _wrap(owner, method, self.begin)

    def after_each(self, owner: Any, method: str, place: str) -> None:
        """Each thing that a generator gives counts as a call of `place`, before anybody has it."""
        original = getattr(owner, method)

        @functools.wraps(original)
        def given(*arguments: Any, **named: Any) -> Iterator[Any]:
            for each in original(*arguments, **named):
                self(place)
                yield each

        setattr(owner, method, given)

    def before_each_file(self, owner: Any, method: str, place: str) -> None:
        """Each making of bytes that a mapping of files holds counts as a call of `place`."""
        original = getattr(owner, method)

        def freezing(freeze: Frozen) -> Frozen:
            def frozen() -> Content:
                self(place)
                return freeze()

            if not isinstance(freeze, Ready):
                return frozen
            ready = type("StruckReady", (Ready,), {"__slots__": (), "__call__": lambda _: frozen()})
            return ready(freeze())

        @functools.wraps(original)
        def gather(*arguments: Any, **named: Any) -> dict[str, Frozen]:
            return {name: freezing(freeze) for name, freeze in original(*arguments, **named).items()}

        setattr(owner, method, gather)

    def between_files(self, folder: Path, place: str) -> None:
        """Whatever is done to files and folders of experiments in a storage counts as a call of `place`, before it is.

        Once training has begun these are checkpoints, whole or on their way to be.
        """
        depth = len(folder.parts) + 2  # the run and the experiment

        def look(event: str, arguments: tuple[Any, ...]) -> None:
            if event not in _FILE_EVENTS or not isinstance(arguments[0], str | os.PathLike):
                return
            parts = Path(arguments[0]).parts
            if len(parts) > depth and parts[: len(folder.parts)] == folder.parts and parts[depth - 1].isdecimal():
                self(place)

        sys.addaudithook(look)


def _wrap(owner: Any, method: str, first: Callable[..., None]) -> None:
    original = getattr(owner, method)

    @functools.wraps(original)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        first()
        return original(*arguments, **named)

    setattr(owner, method, wrapped)
