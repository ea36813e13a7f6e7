"""What docstrings say: a first line, and a sentence for each argument, in Google's or NumPy's style.

Knows nothing of components.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

_GOOGLE_SECTION = re.compile(r"^(Args|Arguments|Parameters|Keyword Args):\s*$")
_GOOGLE_ENTRY = re.compile(r"^\*{0,2}(\w+)\s*(?:\([^:]*\))?:\s*(.*)$")
_NUMPY_ENTRY = re.compile(r"^(\w+)\s*:\s*(.*)$")
_MAX_LENGTH = 200


def summary(source: Callable[..., Any]) -> str:
    """The first line of its docstring; empty where it has none of its own."""
    return (_docstring(source) or "").strip().partition("\n")[0]


def parameter_descriptions(source: Callable[..., Any]) -> dict[str, str]:
    """One sentence for each argument that the docstring, or that of `__init__`, describes."""
    texts = [_docstring(source)]
    if inspect.isclass(source):
        texts.append(_docstring(source.__init__))
    return {name: text for doc in texts if doc for name, text in _entries(doc).items()}


def _docstring(source: Any) -> str | None:
    # inspect.getdoc would take that of a base class, which speaks of something else.
    doc = getattr(source, "__doc__", None)
    return inspect.cleandoc(doc) if isinstance(doc, str) and "__doc__" in dir(source) else None


def _entries(doc: str) -> dict[str, str]:
    lines = doc.splitlines()
    for number, line in enumerate(lines):
        if _GOOGLE_SECTION.match(line):
            return _read_entries(lines[number + 1 :], _GOOGLE_ENTRY, inline=True)
        if line == "Parameters" and lines[number + 1 : number + 2] and lines[number + 1].startswith("---"):
            return _read_entries(lines[number + 2 :], _NUMPY_ENTRY, inline=False)
    return {}


def _read_entries(lines: list[str], pattern: re.Pattern[str], *, inline: bool) -> dict[str, str]:
    """The entries up to the end of the section; `inline` says that the text begins on the line of the name."""
    found: dict[str, list[str]] = {}
    body = [line for line in lines if line.strip()]
    depth = len(body[0]) - len(body[0].lstrip()) if body else 0
    current: list[str] = []
    for line in body:
        indent = len(line) - len(line.lstrip())
        if indent < depth or (indent == 0 and inline):
            break
        if indent > depth:
            current.append(line.strip())
        elif match := pattern.match(line.strip()):
            current = found.setdefault(match[1], [match[2]] if inline else [])
        else:
            break
    return {name: _shorten(" ".join(parts)) for name, parts in found.items()}


def _shorten(text: str) -> str:
    sentence = re.split(r"(?<=[.])\s", text.strip(), maxsplit=1)[0]
    return sentence if len(sentence) <= _MAX_LENGTH else sentence[: _MAX_LENGTH - 1].rstrip() + "…"
