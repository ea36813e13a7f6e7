"""What is exported is what the log tells, in both formats alike."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from mlgym_core.errors import StoreError
from mlgym_core.events.codec import encode_event, encode_foreign
from mlgym_core.events.folder import EventStorage, RunFolder
from mlgym_core.events.log import LogWriter
from mlgym_core.events.projections.columns import Selection
from mlgym_core.events.snapshots import open_fold
from mlgym_core.events.types import (
    CheckpointDeleted,
    CheckpointSaved,
    DiskUse,
    Dropped,
    EvaluationResult,
    ExperimentConfig,
    GpuUse,
    JobStatus,
    LogLines,
    LossScore,
    MetricScore,
    Payload,
    Resource,
    SystemMetrics,
)
from mlgym_core.export import writing
from mlgym_core.export.writing import export_run

RUN_ID = "2026-01-02--03-04-05"
NAMES = {"scores", "checkpoints", "jobs", "logs", "dropped", "system", "gpus", "experiments"}


def facts() -> list[Payload]:
    checkpoint: dict[str, Any] = {
        "grid_search_id": RUN_ID,
        "experiment_id": 1,
        "epoch": 0,
        "step": 5,
        "resources": [
            Resource(name="model", size_bytes=3, sha256="ab"),
            Resource(name="rest", size_bytes=4, sha256="c"),
        ],
        "weights_sha256": "ab",
        "kept_as": ["last", "best:val/f1"],
    }
    return [
        *(
            ExperimentConfig(grid_search_id=RUN_ID, experiment_id=number, job_id=number, config=config)
            for number, config in enumerate(
                [
                    {"optimizer": {"lr": 0.1, "use": "sgd"}, "sizes": [4, 3], "mixed": 1, "depth": 2, "big": 2**70},
                    {"optimizer": {"lr": 1, "use": ""}, "sizes": [4], "mixed": "one", "amsgrad": True, "big": 1},
                ]
            )
        ),
        *(
            JobStatus(grid_search_id=RUN_ID, experiment_id=number, job_id=f"{RUN_ID}-{number}", status="RUNNING")
            for number in (0, 1)
        ),
        *(
            EvaluationResult(
                grid_search_id=RUN_ID,
                experiment_id=number,
                epoch=epoch,
                metric_scores=[MetricScore(metric="f1", split="val", score=0.1 * epoch + number / 3)],
                loss_scores=[
                    LossScore(loss="ce", split="train", score=float("nan") if epoch == 1 else 1 / (epoch + 3))
                ],
            )
            for number in (0, 1)
            for epoch in range(3)
        ),
        CheckpointSaved(**checkpoint),
        CheckpointDeleted(**checkpoint),
        LogLines(
            grid_search_id=RUN_ID,
            experiment_id=0,
            stream="stdout",
            lines=["", 'a "quoted", line', "two\rlines", "ümlaut", "null"],
        ),
        LogLines(grid_search_id=RUN_ID, stream="logging", level="ERROR", lines=["of the run"]),
        Dropped(grid_search_id=RUN_ID, experiment_id=0, event_type="log", count=7),
        SystemMetrics(
            grid_search_id=RUN_ID,
            host="h",
            cpu_percent=12.5,
            rss_bytes=2**40,
            memory_used_bytes=1,
            memory_total_bytes=2,
            gpus=[GpuUse(index=0, name="g", percent=3.5), GpuUse(index=1, name="g", memory_used_bytes=5)],
            disk=DiskUse(used_bytes=1, total_bytes=2),
        ),
        JobStatus(grid_search_id=RUN_ID, experiment_id=0, job_id=f"{RUN_ID}-0", status="DONE", error="it\nbroke"),
    ]


@pytest.fixture
def write(tmp_path) -> Callable[..., RunFolder]:
    run = EventStorage(tmp_path / "storage").run(RUN_ID)

    def write(lines: list[bytes]) -> RunFolder:
        with closing(LogWriter(run)) as writer:
            writer.append("p", writer.last_seq("p") + 1, lines)
            writer.commit()
        return run

    return write


@pytest.fixture
def recorded(write) -> RunFolder:
    return write([encode_event(payload) for payload in facts()])


def read_parquet(folder: Path) -> dict[str, pa.Table]:
    return {path.stem: pyarrow.parquet.read_table(path) for path in folder.glob("*.parquet")}


def read_csv(path: Path, schema: pa.Schema) -> pa.Table:
    return pyarrow.csv.read_csv(
        path,
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=schema, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""]
        ),
    )


def test_csv_and_parquet_hold_equal_values(recorded, tmp_path) -> None:
    export_run(recorded, "parquet", tmp_path / "parquet")
    export_run(recorded, "csv", tmp_path / "csv")

    typed = read_parquet(tmp_path / "parquet")
    assert typed.keys() == NAMES
    for name, table in typed.items():
        assert table.num_rows > 0, name
        assert read_csv(tmp_path / "csv" / f"{name}.csv", table.schema).equals(table), name


def test_scores_are_those_of_the_fold_with_nulls_and_why(recorded, tmp_path) -> None:
    export_run(recorded, "parquet", tmp_path / "out")

    rows = read_parquet(tmp_path / "out")["scores"].to_pylist()
    fold, _ = open_fold(recorded)
    for experiment_id in (0, 1):
        for key in ("val/f1", "train/ce"):
            series = [each for each in rows if (each["experiment_id"], each["key"]) == (experiment_id, key)]
            [points] = [
                points
                for number, name, points in fold.columns.select(Selection())
                if (number, name) == (experiment_id, key)
            ]
            assert [each["epoch"] for each in series] == list(points.xs)
            expected = [None if value != value else value for value in points.values]
            assert [each["value"] for each in series] == expected
    assert {each["not_finite"] for each in rows if each["value"] is None} == {"nan"}
    assert {each["not_finite"] for each in rows if each["value"] is not None} == {None}
    assert rows[0]["event_id"] == 4
    assert (rows[0]["split"], rows[0]["metric"]) == ("val", "f1")


def test_parameters_have_the_type_of_their_values(recorded, tmp_path) -> None:
    export_run(recorded, "parquet", tmp_path / "out")

    table = read_parquet(tmp_path / "out")["experiments"]
    types = {name: str(kind) for name, kind in zip(table.schema.names, table.schema.types, strict=True)}
    rows = table.to_pylist()
    assert (types["config.optimizer.lr"], types["config.depth"]) == ("double", "int64")
    assert [each["config.optimizer.lr"] for each in rows] == [0.1, 1.0]
    assert [each["config.optimizer.use"] for each in rows] == ["sgd", ""]
    assert [each["config.mixed"] for each in rows] == ["1", '"one"']
    assert [each["config.sizes"] for each in rows] == ["[4,3]", "[4]"]
    assert [each["config.amsgrad"] for each in rows] == [None, True]
    assert [each["config.depth"] for each in rows] == [2, None]
    assert [each["config.big"] for each in rows] == [str(2**70), "1"]
    assert [each["status"] for each in rows] == ["failed", "running"]
    state = open_fold(recorded)[0].state.experiments
    assert [each["best.val/f1"] for each in rows] == [state[number].best["val/f1"].value for number in (0, 1)]
    assert [each["best_epoch.val/f1"] for each in rows] == [2, 2]
    assert [each["last_epoch.train/ce"] for each in rows] == [2, 2]


def test_each_line_and_each_gpu_is_a_row(recorded, tmp_path) -> None:
    export_run(recorded, "parquet", tmp_path / "out")

    tables = read_parquet(tmp_path / "out")
    assert tables["logs"]["line"].to_pylist()[:5] == ["", 'a "quoted", line', "two\rlines", "ümlaut", "null"]
    assert [each["level"] for each in tables["logs"].to_pylist()][-1] == "ERROR"
    assert tables["gpus"]["percent"].to_pylist() == [3.5, None]
    assert tables["checkpoints"]["action"].to_pylist() == ["saved", "deleted"]
    assert tables["checkpoints"]["size_bytes"].to_pylist() == [7, 7]


def test_a_log_is_read_in_parts_and_nothing_is_lost_between_them(recorded, tmp_path, monkeypatch) -> None:
    export_run(recorded, "parquet", tmp_path / "whole")
    monkeypatch.setattr(writing, "_CHUNK_BYTES", 1)
    files = export_run(recorded, "parquet", tmp_path / "parts")

    whole, parts = read_parquet(tmp_path / "whole"), read_parquet(tmp_path / "parts")
    for file in files:
        assert parts[file.path.stem].equals(whole[file.path.stem])
        assert parts[file.path.stem].num_rows == file.num_rows


def test_an_export_replaces_the_one_before_and_leaves_nothing_half_done(recorded, write, tmp_path) -> None:
    folder = tmp_path / "out"
    export_run(recorded, "csv", folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    run = write([encode_foreign({"event_type": "experiment_config", "creation_ts": 1, "payload": EMPTY})[1]])
    export_run(run, "csv", folder)
    assert {path.name for path in folder.iterdir()} == before.keys()

    with run.log_path.open("ab") as log:
        log.write(b"no event\n")
    with pytest.raises(StoreError, match="MG405"):
        export_run(run, "csv", folder)

    assert {path.name for path in folder.iterdir()} == before.keys()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


EMPTY = {"grid_search_id": RUN_ID, "experiment_id": 2, "job_id": 2, "config": {}}


def test_a_number_that_no_column_holds_is_an_error_and_no_crash(write, tmp_path) -> None:
    payload = {"grid_search_id": RUN_ID, "event_type": "log", "count": 2**63}
    run = write([encode_foreign({"event_type": "dropped", "creation_ts": 1, "payload": payload})[1]])

    with pytest.raises(StoreError, match=r"MG407 one of the events 0 to 0 does not fit into dropped\.csv"):
        export_run(run, "csv", tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_an_empty_log_gives_empty_tables(write, tmp_path) -> None:
    export_run(write([]), "parquet", tmp_path / "out")

    assert {name: table.num_rows for name, table in read_parquet(tmp_path / "out").items()} == dict.fromkeys(NAMES, 0)
