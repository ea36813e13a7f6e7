"""Collects what is wrong in a file in MLgym's words, so that it is reported at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mlgym_core.config.nodes import Node
from mlgym_core.config.suggestions import did_you_mean
from mlgym_core.errors import ConfigError, Diagnostic, Place

UNKNOWN_WORD = "MG240"
NOT_AVAILABLE = "MG241"
REQUIREMENT = "MG242"
MALFORMED = "MG243"
PREDICTIONS = "MG244"


@dataclass(slots=True)
class Faults:
    """The diagnostics found so far."""

    found: list[Diagnostic] = field(default_factory=list)

    def add(self, code: str, message: str, place: Place, hint: str | None = None) -> None:
        """Notes one fault."""
        self.found.append(Diagnostic(code=code, message=message, place=place, hint=hint))

    def unknown(self, what: str, word: str, known: Iterable[str], place: Place) -> None:
        """Notes that `what` has no `word`, with the nearest known one."""
        names = list(known)
        message = f"{what} has no '{word}'{did_you_mean(word, names)}"
        self.add(UNKNOWN_WORD, message, place, f"accepted: {', '.join(names) or 'nothing'}")

    def malformed(self, what: str, wanted: str, node: Node) -> None:
        """Notes that the value of `what` is of another shape than `wanted`."""
        self.add(MALFORMED, f"{what} must be {wanted}", node.place)

    def raise_if_any(self) -> None:
        """Raises ConfigError with all faults."""
        if self.found:
            raise ConfigError(self.found)
