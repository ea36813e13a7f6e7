"""New data from files, and predictions into files.

Owns the formats, by the endings of names. It knows no model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from mlgym_core.errors import RunError
from mlgym_core.events.files import writing

if TYPE_CHECKING:
    import pandas as pd

UNREADABLE = "MG134"


def is_file_name(name: str) -> bool:
    """Whether it ends as a file that can be read."""
    return Path(name).suffix.lower() in _READERS


def read_rows(path: Path) -> Any:
    """The rows of a CSV or Parquet file as a data frame, or the array [N, ...] of an NPY file.

    Raises:
        RunError: it cannot be read, or has no rows.
    """
    try:
        rows = _READERS[path.suffix.lower()](path)
    except FileNotFoundError as error:
        raise RunError(f"there is no file {path}", code=UNREADABLE) from error
    except (OSError, EOFError, ValueError) as error:  # what pandas, pyarrow and NumPy raise for a file that is damaged
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise RunError(f"cannot read {path}: {reason}", code=UNREADABLE) from error
    if np.ndim(rows) == 0 or len(rows) == 0:
        raise RunError(f"{path} has no rows", code=UNREADABLE)
    return rows


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Writes a table as CSV, Parquet or lines of JSON, as the name says.

    Raises:
        RunError: the name says something else.
        StoreError: the file cannot be written.
    """
    check_output(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _WRITERS[path.suffix.lower()](table, path)


def check_output(path: Path) -> None:
    """Raises RunError where `write_table` could not tell by the name what to write."""
    if path.suffix.lower() not in _WRITERS:
        raise RunError(
            f"{path.name!r} does not say what to write", code=UNREADABLE, hint=f"it ends in {', '.join(_WRITERS)}"
        )


def _read_csv(path: Path) -> Any:
    import pandas as pd

    return pd.read_csv(path)


def _read_parquet(path: Path) -> Any:
    import pandas as pd

    return pd.read_parquet(path)


def _read_npy(path: Path) -> Any:
    return np.load(path, allow_pickle=False)


_Reader: TypeAlias = Callable[[Path], Any]
_Writer: TypeAlias = Callable[["pd.DataFrame", Path], None]
_READERS: Mapping[str, _Reader] = {".csv": _read_csv, ".parquet": _read_parquet, ".npy": _read_npy}
_WRITERS: Mapping[str, _Writer] = {
    ".csv": lambda table, path: table.to_csv(path, index=False),
    ".parquet": lambda table, path: table.to_parquet(path, index=False),
    ".jsonl": lambda table, path: table.to_json(path, orient="records", lines=True, double_precision=15),
}
