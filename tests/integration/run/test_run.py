"""A grid from the command to its log: what is made, and that neither processes nor order change a bit of it."""

import hashlib
import json

from mlgym_core.events.log_reader import LogReader
from mlgym_core.events.verify import verify_chain


def test_a_grid_is_trained_and_everything_is_in_its_folder(mlgym, workplace, iris) -> None:
    config = workplace.write(iris)

    done = mlgym("run", config, "--process_count", "2", "--json")

    assert done.status == 0, done.err
    assert [each["status"] for each in done.document["experiments"]] == ["finished"] * 3
    assert [each["epochs_done"] for each in done.document["experiments"]] == [2, 2, 2]
    run = workplace.run()
    assert done.document["run_id"] == run.run_id
    assert run.config_path("grid_search_config.yml").read_text() == iris
    assert run.config_path("run_config.yml").exists()
    for each in done.document["experiments"]:
        number = each["experiment_id"]
        assert json.loads(run.experiment_config_path(number).read_text()) == each["config"]
        assert run.experiment_config_path(number, "system_info.json").exists()
        assert run.checkpoint_epochs(number) == [1]
    assert not run.spools_path.exists()


def test_the_log_tells_the_run_from_start_to_end_and_its_chain_holds(mlgym, workplace, iris) -> None:
    mlgym("run", workplace.write(iris), "--process_count", "2")

    events = [json.loads(line) for line in LogReader(workplace.run()).poll()]
    types = [each["event_type"] for each in events]
    assert (types[0], types[-1]) == ("run_started", "run_ended")
    assert events[-1]["payload"] == {
        "grid_search_id": workplace.run().run_id, "reason": "finished", "counts": {"finished": 3}
    }  # fmt: skip
    started = events[0]["payload"]
    assert started["num_experiments"] == 3
    assert started["description"] == "iris"
    source = workplace.run().config_path("grid_search_config.yml").read_bytes()
    assert started["source"]["grid_search_config.yml"] == hashlib.sha256(source).hexdigest()
    assert verify_chain(workplace.run().log_path).num_lines == len(events)
    for number in range(3):
        own = [each["event_type"] for each in events if each["payload"].get("experiment_id") == number]
        assert own[:3] == ["experiment_config", "job_status", "attempt_started"]
        assert own[-1] == "job_status"
        assert own.count("evaluation_result") == 2 * 2
        assert own.count("checkpoint_saved") == 2


def results(workplace) -> list[object]:
    """What of the newest run has to be equal in a repetition."""
    kept = []
    for each in workplace.events("experiment_config", "evaluation_result", "checkpoint_saved"):
        payload = {key: value for key, value in each["payload"].items() if key != "grid_search_id"}
        kept.append((payload["experiment_id"], each["event_type"], json.dumps(payload, sort_keys=True)))
    return sorted(kept, key=lambda entry: entry[0])


def test_two_processes_four_and_this_one_give_the_same_bits(mlgym, workplace, iris) -> None:
    config = workplace.write(iris)
    found = []
    for options in (("--process_count", "2"), ("--process_count", "4"), ("--executor", "main_process")):
        assert mlgym("run", config, *options).status == 0
        found.append(results(workplace))

    assert found[0] == found[1] == found[2]
    assert "weights_sha256" in found[0][-1][2]


def test_the_recorded_files_run_the_same_grid_again(mlgym, workplace, iris, run_script) -> None:
    mlgym("run", workplace.write(iris), "--process_count", "2", "--num_epochs", "1")
    first = results(workplace)
    folder = workplace.run().path

    again = run_script("import mlgym_core\nmlgym_core.main()\n", "--config_path", folder / "run_config.yml")

    assert again.status == 0, again.err
    assert results(workplace) == first


def test_what_training_writes_goes_into_the_log_and_not_between_the_lines(mlgym, workplace) -> None:
    config = workplace.grid_with("{use: misfortune, way: print}")

    done = mlgym("run", config, "--json")

    assert done.status == 0
    assert done.document["status"] == "finished"
    lines = {(each["payload"]["stream"], line) for each in workplace.events("log") for line in each["payload"]["lines"]}
    assert lines == {("stdout", "a word on stdout"), ("stderr", "a word on stderr")}
    assert "[0] a word on stdout" in done.err


def test_standard_output_holds_one_document_also_where_training_prints_in_this_process(start_mlgym, workplace) -> None:
    config = workplace.grid_with("{use: misfortune, way: print}")

    done = start_mlgym("run", config, "--json", "--executor", "main_process").end()

    assert done.document["status"] == "finished"
    assert "a word on stdout" in done.err


def test_settings_come_from_option_before_environment_before_the_file(mlgym, workplace, monkeypatch) -> None:
    elsewhere = workplace.path / "elsewhere"
    monkeypatch.setenv("MLGYM_EVENT_STORAGE", str(elsewhere))
    config = workplace.grid_with("{use: mlp, sizes: [4, 3]}")

    mlgym("run", config, "--num_epochs", "1", "--set", "run.seed=7")

    assert not elsewhere.exists()
    [experiment] = workplace.show()["experiments"]
    assert experiment["config"]["run"] == {"epochs": 1, "seed": 7, "threads": 1}


def test_set_changes_one_value(mlgym, workplace, iris) -> None:
    done = mlgym(
        "run",
        workplace.write(iris),
        "--dry-run",
        "--json",
        "--set",
        "optimizer.lr=0.5",
        "--set",
        "metrics.0.average=micro",
    )

    assert done.document["num_experiments"] == 1
    config = done.document["experiments"][0]["config"]
    assert (config["optimizer"]["lr"], config["metrics"][0]["average"]) == (0.5, "micro")


def test_a_dry_run_prints_what_would_run_and_makes_nothing(mlgym, workplace, iris) -> None:
    done = mlgym("run", workplace.write(iris), "--dry-run")

    assert done.status == 0
    assert done.out.splitlines() == [
        "experiment 0: optimizer.lr=0.01",
        "experiment 1: optimizer.lr=0.001",
        "experiment 2: optimizer.lr=0.0001",
        "3 experiments would run",
    ]
    assert not workplace.storage.path.exists()
