"""A server imports beforehand what the words of a configuration let expect."""

from pathlib import Path

from mlgym_core.execution import forkserver
from mlgym_core.execution.forkserver import Call
from mlgym_core.execution.libraries import libraries_of, libraries_of_files

EXAMPLES = Path(__file__).parents[3] / "example"


def test_a_trainer_is_known_by_its_name() -> None:
    assert libraries_of("trainer: sklearn") == ("skops.io",)
    assert libraries_of("trainer: {use: xgboost}") == ("xgboost",)
    assert libraries_of("model: {use: mlp}") == ()


def test_the_files_among_the_arguments_are_read(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yml"
    broken.write_bytes(b"trainer: \xff")
    files = [str(EXAMPLES / "sklearn_pipeline/gs_config.yml"), str(broken), str(tmp_path / "nowhere.yml")]
    assert libraries_of_files(["run", *files, "--seed", "1"]) == ("skops.io",)
    assert libraries_of_files(["run", str(EXAMPLES / "grid_search_example/gs_config.yml")]) == ()


def test_a_server_imports_beside_what_it_always_does_what_it_is_told() -> None:
    forkserver.stop()
    try:
        forkserver.start(preload=("graphlib",), also=("this_is_not_installed", "colorsys"))
        assert Call("builtins:eval", "{'graphlib', 'colorsys'} <= __import__('sys').modules.keys()").result()
    finally:
        forkserver.stop()
