"""Every error that this project raises on purpose, and the places and mends it names.

Owns the classes only; it knows nothing of what raises them. All are picklable, because they cross processes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a piece of configuration stands: lines and columns count from 1; line 0 means `file` is no file.

    An option, an environment variable or a dict from Python has no lines: its name stands in `file`.
    """

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One fault of a configuration: a stable code, what is wrong, where, and what would be accepted."""

    code: str
    message: str
    place: Place | None = None
    hint: str | None = None

    def __str__(self) -> str:
        head = f"{self.place}: {self.code} {self.message}" if self.place else f"{self.code} {self.message}"
        return f"{head}\n  {self.hint}" if self.hint else head


class MLGymError(Exception):
    """Root of the project's errors: one message a user can act on.

    `place` is where the configuration asked for what went wrong; it is set by whoever knows it.
    """

    def __init__(self, message: str, *, code: str = "MG000", hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.hint = hint
        self.place: Place | None = None

    def __str__(self) -> str:
        return str(Diagnostic(code=self.code, message=self.message, place=self.place, hint=self.hint))

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.message, self.code, self.hint), self.__dict__


def _rebuild(kind: type[MLGymError], message: str, code: str, hint: str | None) -> MLGymError:
    return kind(message, code=code, hint=hint)


class ConfigError(MLGymError):
    """A configuration that cannot run; carries every fault that was found, each once, in the order of the file."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = _in_order(diagnostics)
        super().__init__("\n".join(str(each) for each in self.diagnostics), code="MG200")

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[object, ...]:
        return ConfigError, (self.diagnostics,), self.__dict__


def _in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    found = list(dict.fromkeys(diagnostics))
    files = list(dict.fromkeys(each.place.file for each in found if each.place))

    def position(diagnostic: Diagnostic) -> tuple[int, int, int]:
        place = diagnostic.place
        return (files.index(place.file), place.line, place.column) if place else (-1, 0, 0)

    return tuple(sorted(found, key=position))


class BuildError(MLGymError):
    """A component that could not be built although its configuration is well formed."""


class RunError(MLGymError):
    """A run that could not start, go on or end as asked."""


class StoreError(MLGymError):
    """An event storage that cannot be read or written, or an id that does not belong in it."""
