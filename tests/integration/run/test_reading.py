"""`runs`, `show`, `components` and `schema`: what is told, and that telling needs no torch."""

import json
import subprocess
import sys

import jsonschema
import pytest
import yaml

import mlgym_core
from mlgym_core.events.log_reader import LogReader


@pytest.fixture
def logged(workplace) -> str:
    """The id of a run that was logged by hand."""
    with mlgym_core.log_run({"lr": 0.1, "description": "by hand"}, event_storage=workplace.storage.path) as run:
        run.log({"val/f1": 0.5, "val/loss": 0.7}, step=0)
        run.log({"val/f1": 0.4, "val/loss": 0.6}, step=1)
    return run.run_id


def test_an_empty_storage_says_so(mlgym) -> None:
    assert mlgym("runs").out.startswith("no runs in ")
    assert mlgym("runs", "--json").document == []


def test_runs_are_listed_newest_first(mlgym, workplace, logged) -> None:
    with mlgym_core.log_run({}, event_storage=workplace.storage.path) as second:
        pass

    lines = mlgym("runs").out.splitlines()
    document = mlgym("runs", "--json").document

    assert [line.split()[0] for line in lines] == ["RUN", second.run_id, logged]
    assert [each["run_id"] for each in document] == [second.run_id, logged]
    assert document[1]["status"] == "finished"
    assert document[1]["counts"] == {"finished": 1}
    assert document[1]["description"] == "by hand"


def test_a_run_is_shown_by_its_id_or_as_the_last(mlgym, logged) -> None:
    by_id, as_last = mlgym("show", logged, "--json"), mlgym("show", "last", "--json")

    assert by_id.document == as_last.document
    assert by_id.document["run_id"] == logged
    [experiment] = by_id.document["experiments"]
    assert experiment["best"] == {"val/f1": 0.5, "val/loss": 0.6}
    assert experiment["last"] == {"val/f1": 0.4, "val/loss": 0.6}
    assert experiment["checkpoints"] == []


def test_a_storage_that_is_a_file_is_no_empty_one(mlgym, workplace) -> None:
    workplace.storage.path.write_text("")
    done = mlgym("runs")
    assert (done.status, done.out) == (2, "")
    assert f"MG412 {workplace.storage.path} is a file" in done.err


def test_a_run_is_shown_as_a_table(mlgym, logged) -> None:
    lines = mlgym("show", logged).out.splitlines()

    assert lines[0] == f"run {logged}: finished (by hand)"
    assert lines[2].split() == ["EXPERIMENT", "STATUS", "ATTEMPT", "EPOCHS", "BEST", "CHOICES", "ERROR"]
    assert lines[3].split()[:4] == ["0", "finished", "1", "2/?"]


def test_a_run_is_shown_as_it_was_at_an_event(mlgym, workplace, logged) -> None:
    types = [each["event_type"] for each in map(json.loads, LogReader(workplace.run()).poll())]
    first_result = types.index("evaluation_result")

    then, now = mlgym("show", logged, "--at", first_result, "--json"), mlgym("show", logged, "--json")
    at_the_end = mlgym("show", logged, "--at", len(types) - 1, "--json")

    assert (then.document["status"], then.document["liveness"]) == ("running", "alive")
    assert [each["epochs_done"] for each in then.document["experiments"]] == [1]
    assert [each["epochs_done"] for each in now.document["experiments"]] == [2]
    assert at_the_end.document == now.document
    assert mlgym("show", logged, "--at", first_result).out.startswith(f"run {logged}: running")


@pytest.mark.parametrize("event_id", [-1, 1000])
def test_an_event_that_is_not_there_is_an_error(mlgym, logged, event_id: int) -> None:
    done = mlgym("show", logged, f"--at={event_id}")

    assert done.status == 2
    assert f"MG402 run {logged} has no event {event_id}\n  its events are 0 to " in done.err


@pytest.mark.parametrize("run_id", ["last", "2020-01-01--00-00-00", "../elsewhere"])
def test_a_run_that_is_not_there_is_an_error(mlgym, run_id: str) -> None:
    done = mlgym("show", run_id)

    assert done.status == 2
    assert done.err.startswith("MG40")
    assert "Traceback" not in done.err


def test_reading_needs_no_torch(workplace, logged) -> None:
    code = (
        "import sys\n"
        f"sys.argv[1:] = ['show', 'last', '--event_storage_path', {str(workplace.storage.path)!r}]\n"
        "from mlgym_core.cli import entry_point\n"
        "status = entry_point()\n"
        "heavy = {'torch', 'sklearn', 'numpy', 'pydantic', 'multiprocessing', 'rich'}\n"
        "print(status, sorted(heavy & set(sys.modules)))\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.splitlines()[-1] == "0 []"


def test_components_are_listed_with_their_arguments(mlgym) -> None:
    done = mlgym("components")

    assert done.status == 0
    [line] = [line for line in done.out.splitlines() if line.startswith("model  mlp(")]
    assert 'sizes, activation="relu", dropout=0.0' in line
    [line] = [line for line in done.out.splitlines() if line.startswith("estimator  select_k_best(")]
    assert 'select_k_best(score_func="f_classif", k=10)' in line


def test_components_of_a_configurations_modules_are_listed_too(run_script, workplace) -> None:
    config = workplace.grid_with("{use: misfortune}")

    done = run_script("import mlgym_core\nmlgym_core.main()\n", "components", config, "--kind", "model", "--json")

    names = {each["name"]: each for each in json.loads(done.out)}
    assert {"mlp", "misfortune", "sleeper"} <= names.keys()
    assert names["sleeper"]["arguments"] == [{"name": "seconds", "required": False, "description": ""}]


def test_a_kind_that_is_not_there_is_an_error(mlgym) -> None:
    done = mlgym("components", "--kind", "modle")

    assert done.status == 2
    assert "MG108" in done.err
    assert "model" in done.err


def test_the_schema_fits_a_sound_configuration_and_no_other(mlgym, iris) -> None:
    # That schemas are schemas is shown of a smaller one elsewhere: of this one it takes seconds.
    validator = jsonschema.Draft202012Validator(mlgym("schema").document)
    sound = yaml.safe_load(iris)

    validator.validate(sound)
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**sound, "model": {"use": "mlp", "sizes": "many"}})
    validator.validate({**sound, "model": {"use": "pipeline", "steps": ["standard_scaler", {"use": "svc", "C": 2.0}]}})
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**sound, "model": {"use": "svc", "C": "much"}})


def test_a_reader_that_has_seen_enough_is_no_fault(workplace) -> None:
    code = "import sys; sys.argv[1:] = ['components']; from mlgym_core.cli import entry_point; sys.exit(entry_point())"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        command.stdout.close()
        errors = command.stderr.read()

    assert errors == b""
