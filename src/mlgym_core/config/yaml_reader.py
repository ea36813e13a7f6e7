"""YAML text as a tree of nodes that know their place.

Owns what of YAML is understood: the core schema of YAML 1.2, anchors, aliases and merge keys, within bounds. It never
constructs a Python object that a tag names, and knows no dialect.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mlgym_core.config.nodes import Mapping, Node, Scalar, Sequence
from mlgym_core.config.yaml_scalars import TAG_PREFIX, TAGS, resolve_scalar
from mlgym_core.errors import ConfigError, Diagnostic, Place

MAX_DEPTH = 64
MAX_NODES = 200_000
"""The most nodes that a file may have once its aliases are expanded."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path) -> Mapping:
    """The tree of a file.

    Raises:
        ConfigError: it cannot be read, or as in `load_yaml`.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"it is not UTF-8 text ({error.reason})"
        raise ConfigError([Diagnostic(code="MG214", message=f"cannot read {path}: {reason}")]) from error
    return load_yaml(text, str(path))


def load_yaml(text: str, file: str) -> Mapping:
    """The tree of `text`; `file` is the name that places carry.

    Raises:
        ConfigError: it is no YAML, is not one mapping, uses what is not understood, or grows beyond the bounds.
    """
    node, diagnostics = _read(text, file)
    if node is not None and not isinstance(node, Mapping):
        diagnostics.append(_fault("MG213", "a configuration must be a mapping, `key: value`", node.place))
    if diagnostics:
        raise ConfigError(diagnostics)
    assert isinstance(node, Mapping)
    return node


def parse_value(text: str, place: Place) -> Node:
    """The node of a value written in YAML, every part of it at `place`.

    Raises:
        ConfigError: as in `load_yaml`, but for what is not a mapping.
    """
    node, diagnostics = _read(text if text.strip() else '""', place.file)
    if diagnostics or node is None:
        raise ConfigError([_fault(each.code, each.message, place) for each in diagnostics])
    return _moved(node, place)


def _moved(node: Node, place: Place) -> Node:
    if isinstance(node, Scalar):
        return Scalar(value=node.value, place=place)
    if isinstance(node, Sequence):
        return Sequence(items=tuple(_moved(item, place) for item in node.items), place=place)
    entries = {key: _moved(item, place) for key, item in node.entries.items()}
    return Mapping(entries=entries, key_places=dict.fromkeys(entries, place), place=place)


def _fault(code: str, message: str, place: Place, hint: str | None = None) -> Diagnostic:
    return Diagnostic(code=code, message=message, place=place, hint=hint)


def _read(text: str, file: str) -> tuple[Node | None, list[Diagnostic]]:
    """The first document's root and the faults that were met; no root where one of them ended the reading."""
    reader = _Reader(file=file, events=_events(text))
    try:
        return reader.read_document(), reader.diagnostics
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = Place(file=file, line=before.count("\n") + 1, column=len(before) - before.rfind("\n"))
        fault = _fault("MG211", f"the character {error.character!r} may not stand in YAML", place)
    except yaml.MarkedYAMLError as error:
        fault = _syntax_fault(error, file)
    except _UnreadableError as error:
        fault = error.diagnostic
    return None, [*reader.diagnostics, fault]


def _events(text: str) -> Iterator[Any]:
    loader = _Loader(text)
    try:
        while loader.check_event():
            yield loader.get_event()
    finally:
        loader.dispose()


def _syntax_fault(error: yaml.MarkedYAMLError, file: str) -> Diagnostic:
    mark, began = error.problem_mark or error.context_mark, error.context_mark
    place = Place(file=file, line=mark.line + 1 if mark else 1, column=mark.column + 1 if mark else 1)
    problem = error.problem or "the text is no YAML"
    context = f" {error.context}" if error.context else ""
    if context and began and began.line + 1 != place.line:
        context += f" that begins in line {began.line + 1}"
    hint = "YAML indents with spaces, never with tabs" if "'\\t'" in problem else None
    return _fault("MG211", f"{problem}{context}", place, hint)


class _UnreadableError(Exception):
    """A fault after which nothing more can be read."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


@dataclass(slots=True)
class _Reader:
    """Builds nodes from the parser's events, so that neither depth nor aliases can outgrow it."""

    file: str
    events: Iterator[Any]
    diagnostics: list[Diagnostic] = field(default_factory=list)
    _anchors: dict[str, tuple[Node, int] | None] = field(default_factory=dict)
    _num_nodes: int = 0
    _depth: int = 0

    def read_document(self) -> Node | None:
        next(self.events)  # the stream's start
        first = next(self.events)
        if isinstance(first, yaml.StreamEndEvent):
            self.diagnostics.append(
                _fault("MG213", "the configuration is empty", Place(file=self.file, line=1, column=1))
            )
            return None
        root = self._read_node(next(self.events))
        next(self.events)  # the document's end
        after = next(self.events)
        if not isinstance(after, yaml.StreamEndEvent):
            self._report("MG213", "a second document begins here; a configuration is one", self._place(after))
        return root

    def _place(self, event: Any) -> Place:
        return Place(file=self.file, line=event.start_mark.line + 1, column=event.start_mark.column + 1)

    def _report(self, code: str, message: str, place: Place, hint: str | None = None) -> None:
        self.diagnostics.append(_fault(code, message, place, hint))

    def _count(self, num_nodes: int, place: Place) -> None:
        self._num_nodes += num_nodes
        if self._num_nodes > MAX_NODES:
            message = f"with its aliases expanded, the configuration has more than {MAX_NODES:,} values"
            raise _UnreadableError(_fault("MG213", message, place))

    def _read_node(self, event: Any) -> Node:
        place = self._place(event)
        if isinstance(event, yaml.AliasEvent):
            return self._read_alias(str(event.anchor), place)
        self._count(1, place)
        before = self._num_nodes
        if event.anchor:
            self._anchors[event.anchor] = None
        node = self._read_scalar(event, place) if isinstance(event, yaml.ScalarEvent) else self._read_nested(event)
        if event.anchor:
            self._anchors[event.anchor] = node, self._num_nodes - before + 1
        return node

    def _read_alias(self, anchor: str, place: Place) -> Node:
        if anchor not in self._anchors:
            raise _UnreadableError(_fault("MG211", f"no anchor &{anchor} stands before this alias", place))
        target = self._anchors[anchor]
        if target is None:
            raise _UnreadableError(_fault("MG213", f"the alias *{anchor} stands inside of what it names", place))
        node, num_nodes = target
        self._count(num_nodes, place)
        return node

    def _read_nested(self, event: Any) -> Node:
        place = self._place(event)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _UnreadableError(
                _fault("MG213", f"the configuration is nested deeper than {MAX_DEPTH} levels", place)
            )
        self._read_tag(event.tag, place)
        is_list = isinstance(event, yaml.SequenceStartEvent)
        node = self._read_items(place) if is_list else self._read_entries(place)
        self._depth -= 1
        return node

    def _read_items(self, place: Place) -> Sequence:
        items = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self._read_node(event))
        return Sequence(items=tuple(items), place=place)

    def _read_entries(self, place: Place) -> Mapping:
        entries: dict[str, Node] = {}
        key_places: dict[str, Place] = {}
        merged: list[Mapping] = []
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key_place = self._place(event)
            key = self._read_key(event)
            value = self._read_node(next(self.events))
            if key == "<<" and event.implicit[0]:
                merged.extend(self._merged(value))
            elif key in key_places:
                message = f"the key {key!r} stands twice: first in line {key_places[key].line}"
                self._report("MG212", f"{message} (column {key_places[key].column})", key_place)
            elif key is not None:
                entries[key], key_places[key] = value, key_place
        return _merge(merged, entries, key_places, place)

    def _read_key(self, event: Any) -> str | None:
        place = self._place(event)
        if isinstance(event, yaml.ScalarEvent):
            return str(event.value)
        self._read_node(event)
        self._report("MG213", "a key must be a word, not a list, a mapping or an alias", place)
        return None

    def _merged(self, value: Node) -> list[Mapping]:
        candidates = value.items if isinstance(value, Sequence) else (value,)
        for each in candidates:
            if not isinstance(each, Mapping):
                self._report("MG213", "`<<` merges a mapping or a list of mappings", each.place)
        return [each for each in candidates if isinstance(each, Mapping)]

    def _read_tag(self, tag: str | None, place: Place) -> str | None:
        name = tag.removeprefix(TAG_PREFIX) if tag and tag != "!" else None
        if name is None or name in TAGS:
            return name
        self._report("MG213", f"the tag {tag} is not understood", place, "write the value without a tag")
        return None

    def _read_scalar(self, event: Any, place: Place) -> Scalar:
        tag = self._read_tag(event.tag, place)
        if tag is None and not event.implicit[0]:
            return Scalar(value=event.value, place=place)
        try:
            return Scalar(value=resolve_scalar(event.value, tag), place=place)
        except ValueError as error:
            self._report("MG213", str(error), place)
            return Scalar(value=None, place=place)


def _merge(merged: list[Mapping], entries: dict[str, Node], key_places: dict[str, Place], place: Place) -> Mapping:
    """Merged entries first, the earliest of them preferred, and the mapping's own above all."""
    inherited: dict[str, Node] = {}
    inherited_places: dict[str, Place] = {}
    for source in merged:
        for key, node in source.entries.items():
            if key not in entries and key not in inherited:
                inherited[key], inherited_places[key] = node, source.key_place(key)
    return Mapping(entries={**inherited, **entries}, key_places={**inherited_places, **key_places}, place=place)
