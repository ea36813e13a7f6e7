"""Which heavy libraries a configuration will want, guessed by its words before anything reads it.

Owns the guess alone, so that the server which processes are forked from imports them once. A wrong one costs time only.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

_WORD_OF = {
    "skops.io": "sklearn",  # it imports all estimators too, which each process would look through else
    "xgboost": "xgboost",
}


def libraries_of(text: str) -> tuple[str, ...]:
    """The modules that a configuration of this text will want imported."""
    return tuple(module for module, word in _WORD_OF.items() if word in text)


def libraries_of_files(arguments: Iterable[str]) -> tuple[str, ...]:
    """The same for those arguments of a command that are configuration files."""
    files = (Path(each) for each in arguments if each.endswith((".yml", ".yaml")))
    return libraries_of("\n".join(each.read_text(errors="replace") for each in files if each.is_file()))
