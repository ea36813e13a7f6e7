"""Tables as files: CSV for everything that reads text, Parquet for what reads types.

Owns the formats, and that files appear as a whole, all together, in bounded memory. It must not know what is in them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from mlgym_core.errors import StoreError
from mlgym_core.events.codec import decode_event
from mlgym_core.events.codes import NOT_AN_EVENT
from mlgym_core.events.files import hidden_beside, writing
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.log_reader import LogReader
from mlgym_core.events.snapshots import open_fold
from mlgym_core.events.types import PAYLOADS
from mlgym_core.export.experiments import experiments_table
from mlgym_core.export.tables import TABLES, Row

_CHUNK_BYTES = 8 * 2**20
"""How much of the log is in memory at once."""

FORMATS: dict[str, Callable[[Path, pa.Schema], Any]] = {
    "csv": lambda path, schema: pyarrow.csv.CSVWriter(str(path), schema),
    "parquet": lambda path, schema: pyarrow.parquet.ParquetWriter(str(path), schema, compression="zstd"),
}
"""What opens a file of each format; an empty field of CSV is null, and an empty string is quoted."""

_ROWS = {
    kind: [(number, table.rows[kind]) for number, table in enumerate(TABLES) if kind in table.rows]
    for kind in PAYLOADS.values()
}
"""For each type of event the tables, by number, that it adds rows to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedFile:
    """One file that was written."""

    path: Path
    num_rows: int


def export_run(run: RunFolder, file_format: str, folder: Path) -> list[ExportedFile]:
    """Writes all that the log of `run` tells into files of `folder`, at full resolution; files that are there go.

    Raises:
        StoreError: the log is damaged, or the folder cannot be written.
    """
    fold, _ = open_fold(run)
    beside = hidden_beside(folder.absolute())
    with writing(folder):
        beside.mkdir(parents=True)
        try:
            with ExitStack() as opened:
                files = [opened.enter_context(_File(beside, table.name, file_format, table.schema)) for table in TABLES]
                for batch in _batches(run, fold.state.num_events):
                    for file, rows in zip(files, batch, strict=True):
                        file.write_rows(rows)
                experiments = experiments_table(fold.state)
                files.append(opened.enter_context(_File(beside, "experiments", file_format, experiments.schema)))
                files[-1].write(experiments)
            folder.mkdir(parents=True, exist_ok=True)
            return [
                ExportedFile(path=file.path.replace(folder / file.path.name), num_rows=file.num_rows) for file in files
            ]
        finally:
            shutil.rmtree(beside, ignore_errors=True)


class _File:
    """A file of one table; a context that closes it."""

    def __init__(self, folder: Path, name: str, file_format: str, schema: pa.Schema) -> None:
        self.path = folder / f"{name}.{file_format}"
        self.num_rows = 0
        self._schema = schema
        self._writer = FORMATS[file_format](self.path, schema)

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def write(self, table: pa.Table) -> None:
        """Adds rows."""
        self.num_rows += table.num_rows
        self._writer.write_table(table)

    def write_rows(self, rows: list[Row]) -> None:
        """Adds rows as tuples. Raises StoreError for a number that no column holds."""
        if not rows:
            return
        columns = zip(zip(*rows, strict=True), self._schema, strict=True)
        try:
            arrays = [pa.array(values, field.type) for values, field in columns]
        except (pa.ArrowInvalid, OverflowError) as error:
            where = f"one of the events {rows[0][0]} to {rows[-1][0]} does not fit into {self.path.name}"
            raise StoreError(f"{where}: {error}", code=NOT_AN_EVENT) from error
        self.write(pa.Table.from_arrays(arrays, schema=self._schema))


def _batches(run: RunFolder, num_events: int) -> Iterator[list[list[Row]]]:
    """For each part of the log the rows of each of `TABLES`."""
    reader = LogReader(run)
    while True:
        first = reader.next_event_id
        lines = reader.poll(_CHUNK_BYTES, before=num_events)
        if not lines:
            return
        batch: list[list[Row]] = [[] for _ in TABLES]
        for event_id, line in enumerate(lines, first):
            event = decode_event(line)
            if event is not None:
                for number, rows_of in _ROWS.get(type(event.payload), ()):
                    stamp = event_id, event.creation_ts
                    batch[number] += [stamp + row for row in rows_of(event.payload)]
        yield batch
