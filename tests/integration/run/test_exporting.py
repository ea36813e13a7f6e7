"""`mlgym export` of a run that was logged."""

import csv

import pyarrow.parquet
import pytest

import mlgym_core
from mlgym_core.cli.options import parser


@pytest.fixture
def logged(workplace, until) -> str:
    with mlgym_core.log_run({"lr": 0.1}, event_storage=workplace.storage.path, system_metrics_every=3600) as run:
        for step in range(3):
            run.log({"val/f1": step / 7, "val/loss": float("inf")}, step=step)
        until(lambda: workplace.events("system_metrics"))  # the one of its beginning
    return run.run_id


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_a_run_is_exported(mlgym, workplace, logged, file_format: str) -> None:
    folder = workplace.path / "out"

    done = mlgym("export", "last", "--format", file_format, "--output", folder, "--json")

    assert done.status == 0
    assert (done.document["run_id"], done.document["format"]) == (logged, file_format)
    rows = {each["path"]: each["num_rows"] for each in done.document["files"]}
    assert rows.keys() == {str(path) for path in folder.iterdir()}
    assert rows[str(folder / f"scores.{file_format}")] == 6
    assert rows[str(folder / f"system.{file_format}")] == 1


def test_the_values_are_those_that_were_logged(mlgym, workplace, logged) -> None:
    for file_format in ("csv", "parquet"):
        assert mlgym("export", logged, "--format", file_format, "--output", workplace.path / "out").status == 0

    with (workplace.path / "out/scores.csv").open(newline="") as file:
        scores = [(row["epoch"], row["key"], row["value"], row["not_finite"]) for row in csv.DictReader(file)]
    typed = pyarrow.parquet.read_table(workplace.path / "out/scores.parquet").to_pylist()
    assert scores[:2] == [("0", "val/f1", "0", ""), ("0", "val/loss", "", "inf")]
    assert [float(value) for _, key, value, _ in scores if key == "val/f1"] == [0 / 7, 1 / 7, 2 / 7]
    assert [each["value"] for each in typed if each["key"] == "val/f1"] == [0 / 7, 1 / 7, 2 / 7]


def test_without_a_folder_it_goes_into_one_named_after_the_run(mlgym, workplace, logged, monkeypatch) -> None:
    monkeypatch.chdir(workplace.path)

    assert f"export/{logged}/scores.csv: 6 rows" in mlgym("export", "last", "--format", "csv").out.splitlines()


@pytest.mark.parametrize("wanted", ["html", "xlsx"])
def test_a_format_that_is_not_there_is_refused_with_those_that_are(capsys, wanted: str) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(["export", "last", "--format", wanted])

    assert ended.value.code == 2
    assert "csv" in (told := capsys.readouterr().err)
    assert "parquet" in told
