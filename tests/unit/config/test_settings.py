from pathlib import Path

import pytest

from mlgym_core.config.nodes import Mapping, to_plain
from mlgym_core.config.run_config import read_run_config
from mlgym_core.config.settings import (
    MEANING_OF,
    OPTION_OF,
    SHAPING_RESULTS,
    RunSettings,
    apply_settings,
    default_event_storage,
    read_settings,
    result_settings,
    settings_beside,
    settings_schema,
)
from mlgym_core.config.yaml_reader import load_yaml
from mlgym_core.errors import ConfigError


def tree(text: str, file: str = "gs.yml") -> Mapping:
    return load_yaml(text, file)


RUN_CONFIG = """
run_configuration:
  type: train
  config: {num_epochs: 10, gs_config_path: gs_config.yml}
environment:
  type: multiprocessing
  config: {process_count: 8, computation_device_ids: [0, 4]}
logging:
  websocket_logging_servers: [http://127.0.0.1:5002]
  gs_rest_api_endpoint: http://127.0.0.1:5001
"""


class TestPrecedence:
    def test_without_any_word_the_defaults_hold(self) -> None:
        assert read_settings(tree("a: 1")) == RunSettings()

    def test_option_before_environment_before_run_config_before_block(self, tmp_path: Path) -> None:
        path = tmp_path / "run_config.yml"
        path.write_text(RUN_CONFIG)
        settings = read_settings(
            tree("run: {epochs: 1, process_count: 2, servers: [a], seed: 7}"),
            options={"epochs": 3, "process_count": None},
            environment={"MLGYM_SERVER": "http://b http://c", "HOME": "/x"},
            run_config=read_run_config(path).settings,
        )
        assert (settings.epochs, settings.process_count, settings.seed) == (3, 8, 7)
        assert settings.servers == ("http://b", "http://c")
        assert settings.device_ids == (0, 4)
        assert settings.executor == "processes"
        assert settings.gs_rest_api_endpoint == "http://127.0.0.1:5001"

    def test_an_empty_variable_or_a_null_is_not_given(self) -> None:
        found = read_settings(tree("run: {epochs: null}"), environment={"MLGYM_SERVER": "", "MLGYM_EVENT_STORAGE": ""})
        assert found == RunSettings()

    def test_paths_of_a_file_begin_at_that_file_and_others_where_one_stands(self) -> None:
        in_file = read_settings(tree("run: {event_storage: logs}", "folder/gs.yml"))
        assert in_file.event_storage == Path("folder/logs")
        by_option = read_settings(tree("a: 1", "folder/gs.yml"), options={"event_storage": Path("logs")})
        assert by_option.event_storage == Path("logs")
        by_variable = read_settings(tree("a: 1"), environment={"MLGYM_EVENT_STORAGE": "/data/logs"})
        assert by_variable.event_storage == Path("/data/logs")

    def test_who_has_no_configuration_finds_the_same_event_storage(self) -> None:
        for environment in ({"MLGYM_EVENT_STORAGE": "/data/logs"}, {"MLGYM_EVENT_STORAGE": ""}, {}):
            found = read_settings(tree("a: 1"), environment=environment).event_storage
            assert default_event_storage(environment) == found


class TestFaults:
    def test_all_are_told_with_the_place_of_whoever_said_it(self) -> None:
        text = "run: {epohcs: 3, seed: -1, threads: x, device_ids: [a], executor: foo, fail_fast: 1}"
        with pytest.raises(ConfigError) as raised:
            read_settings(tree(text), options={"process_count": 0}, environment={})
        assert [str(each).partition("\n")[0] for each in raised.value.diagnostics] == [
            "gs.yml:1:7: MG230 no run setting 'epohcs'; did you mean 'epochs'?",
            "gs.yml:1:24: MG231 run setting 'seed': expected int >= 0",
            "gs.yml:1:37: MG231 run setting 'threads': expected int, got str",
            "gs.yml:1:52: MG231 run setting 'device_ids': expected int, got str",
            "gs.yml:1:67: MG231 run setting 'executor': invalid enum value 'foo'",
            "gs.yml:1:83: MG231 run setting 'fail_fast': expected bool, got int",
            "--process_count: MG231 run setting 'process_count': expected int >= 1",
        ]

    def test_only_what_shapes_results_may_be_swept(self) -> None:
        assert read_settings(tree("run: {seed: {sweep: [1, 2]}}")).seed is None
        with pytest.raises(ConfigError, match="MG231 run setting 'process_count'"):
            read_settings(tree("run: {process_count: {sweep: [1, 2]}}"))


class TestSettingsOfAPoint:
    def test_the_block_of_a_tree_takes_what_was_decided_but_keeps_its_sweeps(self) -> None:
        given = tree("run: {seed: {sweep: [1, 2]}, epochs: 3, description: d}")
        changed = apply_settings(given, read_settings(given, options={"epochs": 9}))
        assert to_plain(changed["run"]) == {"seed": {"sweep": [1, 2]}, "epochs": 9, "description": "d", "threads": 1}

    def test_an_option_ends_a_sweep(self) -> None:
        given = tree("run: {seed: {sweep: [1, 2]}}")
        changed = apply_settings(given, read_settings(given, options={"seed": 5}))
        assert to_plain(changed["run"]) == {"seed": 5, "epochs": 1, "threads": 1}

    def test_what_was_said_beside_the_block_can_be_said_again(self) -> None:
        given = tree("run: {epochs: {sweep: [1, 2]}, seed: 3}")
        settings = read_settings(given, options={"seed": 5, "threads": 2})
        assert settings_beside(given, settings) == ["run.seed=5", "run.threads=2"]
        assert settings_beside(given, read_settings(given, options={"seed": 3, "threads": 1})) == []
        assert settings_beside(tree("a: 1"), read_settings(tree("a: 1"), options={"epochs": 4})) == ["run.epochs=4"]

    def test_a_tree_without_a_block_gets_one(self) -> None:
        given = tree("a: 1")
        assert to_plain(apply_settings(given, RunSettings(epochs=2)))["run"] == {"epochs": 2, "seed": 0, "threads": 1}

    def test_only_what_shapes_results_belongs_to_an_experiment(self) -> None:
        values, diagnostics = result_settings(tree("run: {epochs: 2, process_count: 9}"))
        assert (values, diagnostics) == ({"epochs": 2, "seed": 0, "threads": 1}, [])
        assert list(values) == list(SHAPING_RESULTS)

    def test_a_swept_value_is_checked_at_its_point(self) -> None:
        _, [fault] = result_settings(tree("run: {epochs: x}"))
        assert str(fault) == "gs.yml:1:15: MG231 run setting 'epochs': expected int, got str"


def test_each_setting_has_an_option_and_a_schema() -> None:
    names = list(RunSettings.__dataclass_fields__)
    assert list(OPTION_OF) == names
    assert list(settings_schema()) == [*names, "zip"] == list(MEANING_OF)


class TestRunConfig:
    def read(self, tmp_path: Path, text: str) -> object:
        path = tmp_path / "run_config.yml"
        path.write_text(text)
        return read_run_config(path)

    def test_the_file_of_mlgym_is_understood(self, tmp_path: Path) -> None:
        path = tmp_path / "run_config.yml"
        path.write_text(RUN_CONFIG)
        found = read_run_config(path)
        assert (found.type, found.environment, found.gridsearch_id) == ("train", "multiprocessing", None)
        assert found.gs_config_path == tmp_path / "gs_config.yml"

    def test_a_warm_start_and_accelerate_are_read_though_no_executor_stands_for_them(self, tmp_path: Path) -> None:
        path = tmp_path / "run_config.yml"
        path.write_text(
            "run_configuration: {type: warmstart, config: {gridsearch_id: 2023-06-03--10-26-58, num_epochs: 5}}\n"
            "environment: {type: accelerate}\n"
        )
        found = read_run_config(path)
        assert (found.type, found.environment) == ("warmstart", "accelerate")
        assert found.gridsearch_id == "2023-06-03--10-26-58"
        assert list(found.settings) == ["epochs"]

    def test_main_process_is_an_executor(self, tmp_path: Path) -> None:
        path = tmp_path / "run_config.yml"
        path.write_text("environment: {type: main_process}")
        assert read_settings(tree("a: 1"), run_config=read_run_config(path).settings).executor == "main_process"

    def test_every_unknown_word_is_told(self, tmp_path: Path) -> None:
        text = "run_configuration: {typ: x, type: tran, config: {gs_config_path: 3}}\nenvironment: 3\nlogin: {}\n"
        with pytest.raises(ConfigError) as raised:
            self.read(tmp_path, text)
        found = [str(each).partition("\n")[0].removeprefix(f"{tmp_path}/") for each in raised.value.diagnostics]
        assert found == [
            "run_config.yml:1:21: MG232 run_configuration has no 'typ'; did you mean 'type'?",
            "run_config.yml:1:35: MG232 run_configuration has no type 'tran'; did you mean 'train'?",
            "run_config.yml:1:66: MG232 run_configuration: 'gs_config_path' must be a string",
            "run_config.yml:2:14: MG232 'environment' must be a mapping",
            "run_config.yml:3:1: MG232 run_config.yml has no 'login'; did you mean 'logging'?",
        ]
