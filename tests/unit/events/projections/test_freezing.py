"""A frozen fold is one of this code: any change of what folds makes the stored ones old."""

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from mlgym_core.events.projections import freezing

ROOM = "mlgym_core.events.projections"


def imported_by(module: str) -> Iterator[str]:
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    for node in ast.walk(ast.parse(Path(spec.origin).read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(f"{ROOM}."):
            yield node.module


def test_everything_that_folds_counts() -> None:
    folding, new = set(), {f"{ROOM}.run_fold"}
    while new:
        folding |= new
        new = {each for module in new for each in imported_by(module)} - folding

    assert {each.rpartition(".")[2] + ".py" for each in folding} <= set(freezing._SOURCES[ROOM])
