"""Input that cannot run: one clear error, exit status 2, a traceback in a file alone, and nothing half made."""

import re
from pathlib import Path

import pytest

REPLACEMENTS = {
    "an unknown name": ("use: mlp", "use: mpl", r"MG\d+ .*'mpl'.*did you mean 'mlp'"),
    "an unknown argument": (
        "dropout: 0.1",
        "dropuot: 0.1",
        r"MG201 model 'mlp' has no argument 'dropuot'; did you mean 'dropout'",
    ),
    "a missing argument": ("sizes: [4, 8, 3], ", "", r"MG\d+ .*'sizes'"),
    "a wrong type": ("batch_size: 16", "batch_size: many", r"MG\d+ .*batch_size"),
    "a dangling reference": ("source: $data.train", "source: $dta.train", r"MG205 .*\$dta.*did you mean"),
    "an empty sweep": ("[1e-2, 1e-3, 1e-4]", "[]", r"MG\d+ .*sweep"),
    "a sweep of a million": (
        "{sweep: [1e-2, 1e-3, 1e-4]}",
        "{range: [1, 1000001]}",
        r"1,000,000 experiments[\s\S]*--max_experiments",
    ),
    "a missing data file": (
        "{use: iris, standardize: true}",
        "{use: csv, path: absent.csv, target: y}",
        r"absent\.csv",
    ),
    "a metric that does not fit the task": (
        "accuracy]",
        "r2]",
        r"gs_config\.yml:8:\d+: MG330 metric 'r2' does not fit",
    ),
    "a monitored score that does not exist": (
        "monitor: val/f1",
        "monitor: val/f2",
        r"gs_config\.yml:9:\d+: MG332 .*val/f2[\s\S]*val/f1",
    ),
    "an import that fails": ("run:", "imports: [broken]\nrun:", r"MG250 cannot import 'broken': .*no such thing"),
    "a module that is not there": ("run:", "imports: [absent]\nrun:", r"MG250 cannot import 'absent'"),
    "layers that do not fit": (
        "sizes: [4, 8, 3]",
        "sizes: [5, 8, 3]",
        r"gs_config\.yml:5:1: MG320 model MLP does not take inputs of shape \[2, 4\]",
    ),
    "a setting that is unknown": ("epochs: 2", "epoch: 2", r"MG230 .*'epoch'; did you mean 'epochs'"),
    "broken YAML": ("data: {use: iris", "data: {use: iris]", r"gs_config\.yml:2:\d+"),
}


@pytest.mark.parametrize(("old", "new", "expected"), REPLACEMENTS.values(), ids=REPLACEMENTS.keys())
def test_a_bad_configuration_is_one_clear_error(mlgym, workplace, iris, old: str, new: str, expected: str) -> None:
    (workplace.path / "broken.py").write_text("raise RuntimeError('no such thing')\n")
    assert old in iris

    done = mlgym("run", workplace.write(iris.replace(old, new)))

    assert done.status == 2, done
    assert re.search(expected, done.err), done.err
    assert "Traceback" not in done.err
    assert done.out == ""
    assert not workplace.storage.path.exists()
    assert "Traceback" in log_of(done.err).read_text()


def log_of(err: str) -> Path:
    """The file that an error names."""
    match = re.search(r"traceback: (.+)", err)
    assert match
    return Path(match[1])


WRONG_IN_FIVE_PLACES = """\
run: {epochs: 2}
data: {use: irsi}
splits: {use: random, source: $data.train, fractions: {train: 0.7, val: 0.3}}
loaders: {splits: {train: $splits.train, val: $splitz.val}, batch_size: many}
model: {use: mlp, hiden: 3}
optimizer: {use: adam, lr: 1e-2, lrr: 3}
loss: cross_entropi
"""


FAULTS = ("2:13", "4:47", "4:73", "5:1", "5:19", "6:34", "7:7")


def test_all_faults_are_told_at_once_with_their_places(mlgym, workplace) -> None:
    done = mlgym("check", workplace.write(WRONG_IN_FIVE_PLACES))

    assert done.status == 2
    for place in FAULTS:
        assert f"gs_config.yml:{place}: MG2" in done.err, (place, done.err)


def test_faults_of_every_stage_are_told_together(mlgym, workplace) -> None:
    config = """\
imports: [absent]
run: {epoch: 3}
data: {use: iri}
splits: {use: random, source: $data.train, fractions: {train: 0.7, val: 0.3}}
loaders: {splits: $splits, batch_size: {sweep: []}}
model: {use: mlp, hiden: 3, sizes: [4, 3]}
optimizer: {use: adam, lr: fast}
loss: cross_entropy
"""

    done = mlgym("check", "--set", "modle.sizes=3", workplace.write(config))

    assert done.status == 2, done
    told = re.findall(r"^(?:\S*gs_config\.yml:(\d+):\d+|--set \S+): (MG\d+)", done.err, re.MULTILINE)
    expected = [("1", "MG250"), ("2", "MG230"), ("3", "MG202"), ("5", "MG220"), ("6", "MG201"), ("7", "MG204")]
    assert sorted(told) == sorted([("", "MG233"), *expected])


def test_faults_are_told_as_a_document_too(mlgym, workplace) -> None:
    done = mlgym("check", workplace.write(WRONG_IN_FIVE_PLACES), "--json")

    assert done.status == 2
    first = done.document["diagnostics"][0]
    assert (first["line"], first["column"], first["code"]) == (2, 13, "MG202")
    assert first["file"].endswith("gs_config.yml")
    assert done.document["error"]["code"] == "MG200"


def test_a_sound_configuration_passes_and_nothing_is_made(mlgym, workplace, iris) -> None:
    done = mlgym("check", workplace.write(iris), "--json")

    assert (done.status, done.document) == (0, {"num_experiments": 3, "diagnostics": []})
    assert not workplace.storage.path.exists()


def test_of_unlike_pipelines_the_one_that_does_not_fit_is_named(mlgym, workplace, iris) -> None:
    config = iris.replace("sizes: [4, 8, 3]", "sizes: {sweep: [[4, 3], [4, 8, 2]]}")

    done = mlgym("check", workplace.write(config))

    assert done.status == 2
    assert "MG320" in done.err
    assert "with model.sizes=[4, 8, 2]" in done.err


def test_an_allowed_number_of_experiments_is_no_fault(mlgym, workplace, iris) -> None:
    config = workplace.write(iris)

    assert mlgym("check", config, "--max_experiments", "2").status == 2
    assert mlgym("check", config, "--max_experiments", "3").status == 0


def test_an_absent_file_is_an_error(mlgym, workplace) -> None:
    done = mlgym("run", workplace.path / "absent.yml")

    assert done.status == 2
    assert "absent.yml" in done.err
    assert "Traceback" not in done.err


def test_an_event_storage_that_cannot_be_written_is_an_error(mlgym, workplace, iris) -> None:
    workplace.storage.path.write_text("a file stands here")

    done = mlgym("run", workplace.write(iris))

    assert done.status == 2
    assert "MG403" in done.err
    assert "--event_storage_path" in done.err
    assert "Traceback" not in done.err


def test_what_is_no_address_of_a_server_is_an_error(mlgym, workplace, iris) -> None:
    done = mlgym("run", workplace.write(iris), "--server", "localhost:7000")

    assert done.status == 2
    assert "http://" in done.err
    assert not workplace.storage.path.exists()


def test_tracebacks_go_where_text_logging_path_says(mlgym, workplace, iris) -> None:
    folder = workplace.path / "logs"

    done = mlgym("run", workplace.write(iris.replace("use: mlp", "use: mpl")), "--text_logging_path", folder)

    assert done.status == 2
    [log] = folder.iterdir()
    assert "Traceback" in log.read_text()
    assert str(log) in done.err


def test_a_components_own_exception_is_told_with_its_type_and_place(mlgym, workplace) -> None:
    (workplace.path / "models.py").write_text(
        "from torch import nn\n"
        "from mlgym_core import register\n"
        "@register('model', 'picky')\n"
        "class Picky(nn.Module):\n"
        "    def __init__(self, hidden: int):\n"
        "        raise LookupError(f'no {hidden} hidden units to be had')\n"
    )

    done = mlgym("run", workplace.grid_with("{use: picky, hidden: 3}"))

    assert done.status == 2
    assert "LookupError: no 3 hidden units to be had" in done.err
    assert re.search(r"while building model 'picky' at .*gs_config\.yml:6:\d+", done.err)
    assert "in __init__" in log_of(done.err).read_text()


@pytest.mark.parametrize("arguments", [(), ("fly",), ("run",), ("run", "x.yml", "--nonsense")])
def test_wrong_words_are_wrong_use(run_script, arguments: tuple[str, ...]) -> None:
    done = run_script("import sys\nfrom mlgym_core.cli import entry_point\nsys.exit(entry_point())\n", *arguments)

    assert done.status == 2
    assert "usage" in done.err
