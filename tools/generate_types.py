"""Writes the TypeScript types of events and of the board's interface, as Python's structs declare them.

With --check nothing is written; the exit status says whether the file is up to date.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import inspect

from ml_board.runs.logs import LogPage
from ml_board.runs.series import SeriesPage, SystemPage
from ml_board.runs.views import ExperimentPage, ListedRun
from mlgym_core.events.projections.model_card import ModelCard
from mlgym_core.events.projections.run_state import RunDelta, RunSnapshot
from mlgym_core.events.types import PAYLOADS

TARGET = Path(__file__).parents[1] / "src/ml_board/frontend/src/types/generated.ts"
ROOTS: tuple[type[msgspec.Struct], ...] = (
    ListedRun,
    RunSnapshot,
    RunDelta,
    ExperimentPage,
    SeriesPage,
    SystemPage,
    LogPage,
    ModelCard,
    *PAYLOADS.values(),
)
HEAD = "// Made by tools/generate_types.py from Python's structs; do not edit.\n"


def main() -> int:
    """Writes or checks the file; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where the file is out of date")
    options = parser.parse_args()
    text = render()
    if not options.check:
        TARGET.parent.mkdir(parents=True, exist_ok=True)
        TARGET.write_text(text, encoding="utf-8")
        return 0
    if TARGET.is_file() and TARGET.read_text(encoding="utf-8") == text:
        return 0
    print(f"{TARGET} is out of date: run python tools/generate_types.py", file=sys.stderr)
    return 1


def render() -> str:
    """The whole file."""
    structs: dict[str, type[msgspec.Struct]] = {}
    for root in ROOTS:
        _collect(root, structs)
    blocks = [_interface(struct) for struct in structs.values()]
    events = "".join(f"  {name}: {struct.__name__};\n" for name, struct in PAYLOADS.items())
    return "\n".join([HEAD, *blocks, f"export interface Payloads {{\n{events}}}\n"])


def _collect(struct: type[msgspec.Struct], found: dict[str, type[msgspec.Struct]]) -> None:
    if struct.__name__ in found:
        return
    for base in _bases(struct):
        _collect(base, found)
    for field in _own_fields(struct):
        for used in _structs_in(field.type):
            _collect(used, found)
    found[struct.__name__] = struct


def _interface(struct: type[msgspec.Struct]) -> str:
    bases = ", ".join(base.__name__ for base in _bases(struct))
    lines = [f"/** {struct.__doc__.strip()} */"] if struct.__doc__ else []
    lines.append(f"export interface {struct.__name__}{f' extends {bases}' if bases else ''} {{")
    optional = struct.__struct_config__.omit_defaults
    for field in _own_fields(struct):
        mark = "?" if optional and not field.required else ""
        lines.append(f"  {field.encode_name}{mark}: {_type(field.type)};")
    return "\n".join([*lines, "}\n"])


def _bases(struct: type[msgspec.Struct]) -> list[type[msgspec.Struct]]:
    return [base for base in struct.__bases__ if base is not msgspec.Struct]


def _own_fields(struct: type[msgspec.Struct]) -> list[inspect.Field]:
    inherited = {name for base in _bases(struct) for name in base.__struct_fields__}
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    return [field for field in info.fields if field.name not in inherited]


def _structs_in(node: inspect.Type) -> Iterator[type[msgspec.Struct]]:
    match node:
        case inspect.StructType():
            yield node.cls
        case inspect.ListType():
            yield from _structs_in(node.item_type)
        case inspect.DictType():
            yield from _structs_in(node.value_type)
        case inspect.UnionType():
            for each in node.types:
                yield from _structs_in(each)


def _type(node: inspect.Type) -> str:
    match node:
        case inspect.StructType():
            return node.cls.__name__
        case inspect.StrType():
            return "string"
        case inspect.BoolType():
            return "boolean"
        case inspect.IntType() | inspect.FloatType():
            return "number"
        case inspect.NoneType():
            return "null"
        case inspect.AnyType():
            return "unknown"
        case inspect.LiteralType():
            return " | ".join(f'"{value}"' for value in _in_order(node))
        case inspect.UnionType():
            return " | ".join(_type(each) for each in node.types)
        case inspect.ListType():
            item = _type(node.item_type)
            return f"({item})[]" if isinstance(node.item_type, inspect.UnionType | inspect.LiteralType) else f"{item}[]"
        case inspect.TupleType():
            return f"[{', '.join(_type(each) for each in node.item_types)}]"
        case inspect.DictType():
            record = f"Record<{_type(node.key_type)}, {_type(node.value_type)}>"
            return f"Partial<{record}>" if isinstance(node.key_type, inspect.LiteralType) else record
    raise TypeError(f"no TypeScript is known for {node}")


def _in_order(literal: inspect.LiteralType) -> list[object]:
    return sorted(literal.values, key=str)


if __name__ == "__main__":
    sys.exit(main())
