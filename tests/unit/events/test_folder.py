"""Paths inside an event storage, and the ids that may become one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgym_core.errors import StoreError
from mlgym_core.events.files import write_atomically
from mlgym_core.events.folder import EventStorage, RunFolder
from mlgym_core.events.names import is_name

NOON = datetime(2026, 1, 2, 12, 0, 59)


@pytest.fixture
def storage(tmp_path: Path) -> EventStorage:
    return EventStorage(tmp_path / "event_storage")


@pytest.fixture
def without_rights() -> Iterator[None]:
    """The tests may run as root, whom no mode of a folder stops."""
    if os.geteuid() == 0:
        os.seteuid(65534)
        yield
        os.seteuid(0)
    else:
        yield


@pytest.mark.parametrize("run_id", ["2026-01-02--03-04-05", "a", "A.b_c-d", "9" * 128, "last"])
def test_a_run_id_of_the_contract_names_a_folder(storage: EventStorage, run_id: str) -> None:
    assert storage.run(run_id).path == storage.path / run_id


@pytest.mark.parametrize(
    "run_id", ["", ".", "..", ".outbox", "../evil_room", "a/b", "a\\b", "a\n", "-a", "_a", "9" * 129, "ä", "a b", "a\0"]
)
def test_another_run_id_is_refused(storage: EventStorage, run_id: str) -> None:
    with pytest.raises(StoreError) as caught:
        storage.run(run_id)
    assert caught.value.code == "MG401"


@given(name=st.text(max_size=20) | st.text("./\\a", max_size=5))
def test_no_name_leads_out_of_a_checkpoint(name: str) -> None:
    run = RunFolder(Path("/storage/run"))
    path = Path(os.path.normpath("/storage/run/0/0/" + name))
    if path.parent == Path("/storage/run/0/0") and is_name(name):
        assert run.resource_path(0, 0, name) == path
    else:
        with pytest.raises(StoreError):
            run.resource_path(0, 0, name)


@pytest.mark.parametrize("number", [-1, "-1", "01", "1.0", "", "a", "٣", "1\n", True, None, 1.0, "9" * 30])
def test_an_experiment_id_or_epoch_that_is_no_number_is_refused(run: RunFolder, number: object) -> None:
    with pytest.raises(StoreError):
        run.experiment_path(number)  # type: ignore[arg-type]
    with pytest.raises(StoreError):
        run.checkpoint_path(0, number)  # type: ignore[arg-type]


def test_every_file_has_the_place_of_the_contract(run: RunFolder) -> None:
    base = run.path
    assert run.log_path == base / "event_storage.log"
    assert run.lock_path == base / "writer.lock"
    assert run.spool_path("abc") == base / "spool" / "abc.jsonl"
    assert run.config_path("grid_search_config.yml") == base / "grid_search_config.yml"
    assert run.experiment_config_path(12) == base / "12" / "experiment_config.json"
    assert run.experiment_config_path("12", "system_info.json") == base / "12" / "system_info.json"
    assert run.resource_path(12, 10, "model.safetensors") == base / "12" / "10" / "model.safetensors"


@pytest.mark.parametrize("name", ["event_storage.log", "writer.lock", "../a.yml", "spool/a.yml", ".yml", "a.json"])
def test_only_a_yaml_file_is_a_configuration_of_a_run(run: RunFolder, name: str) -> None:
    with pytest.raises(StoreError):
        run.config_path(name)


def test_two_runs_in_one_second_differ_and_none_is_shared_with_the_outbox(storage: EventStorage) -> None:
    made = [storage.create_run(NOON), storage.outbox.create_run(NOON), storage.create_run(NOON)]
    assert [each.run_id for each in made] == ["2026-01-02--12-00-59", "2026-01-02--12-01-00", "2026-01-02--12-01-01"]
    assert made[1].path.parent == storage.path / ".outbox"
    assert all(each.path.is_dir() and not any(each.path.iterdir()) for each in made)


def test_a_name_that_is_taken_elsewhere_is_passed_over(storage: EventStorage) -> None:
    asked: list[str] = []

    def is_free(run_id: str) -> bool:
        asked.append(run_id)
        return len(asked) == 3

    assert storage.create_run(NOON, is_free=is_free).run_id == "2026-01-02--12-01-01"
    assert asked == ["2026-01-02--12-00-59", "2026-01-02--12-01-00", "2026-01-02--12-01-01"]
    assert [each.name for each in storage.path.iterdir()] == ["2026-01-02--12-01-01"]


def test_runs_are_listed_newest_first_without_other_folders(storage: EventStorage) -> None:
    older, newer, empty = (storage.create_run(NOON) for _ in range(3))
    write_atomically(older.log_path, b"")
    newer.spools_path.mkdir()
    write_atomically(storage.outbox.create_run(NOON).log_path, b"")
    write_atomically(empty.config_path("run_config.yml"), b"")
    (storage.path / "README.md").touch()
    assert storage.runs() == [newer, older]
    assert storage.open("last") == newer
    assert storage.open(older.run_id) == older


def test_a_run_that_is_not_there_is_an_error_that_names_one_that_is(storage: EventStorage) -> None:
    assert storage.runs() == []
    with pytest.raises(StoreError, match="no run was recorded"):
        storage.open("last")
    run = storage.create_run()
    write_atomically(run.log_path, b"")
    with pytest.raises(StoreError, match=run.run_id) as caught:
        storage.open("2000-01-01--00-00-00")
    assert caught.value.code == "MG402"


def test_a_run_may_be_called_last(storage: EventStorage) -> None:
    storage.create_run(NOON)
    write_atomically(storage.run("last").log_path, b"")
    assert storage.open("last").run_id == "last"


@pytest.mark.usefixtures("without_rights")
def test_a_storage_that_cannot_be_written_is_one_clear_error(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(StoreError, match="cannot write") as caught:
        EventStorage("/event_storage_of_nobody").create_run()
    assert caught.value.code == "MG403"
    assert "--event_storage_path" in str(caught.value)


def test_a_storage_that_is_a_file_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(StoreError, match="cannot write"):
        EventStorage(path).create_run()
    with pytest.raises(StoreError, match="cannot write"):
        write_atomically(path / "a" / "b", b"")
    assert EventStorage(path).runs() == []


@pytest.mark.parametrize("stored", ["model", "model.safetensors", "model.pickle"])
@pytest.mark.parametrize("asked", ["model", "model.pickle"])
def test_a_resource_is_found_whatever_its_ending(run: RunFolder, stored: str, asked: str) -> None:
    write_atomically(run.resource_path(11, 10, stored), b"weights")
    write_atomically(run.resource_path(11, 10, "lr_scheduler.json"), b"{}")
    assert run.find_resource(11, "10", asked).read_bytes() == b"weights"
    assert run.find_resource(11, 10, "lr_scheduler.pickle").name == "lr_scheduler.json"


def test_the_exact_name_of_a_resource_comes_first(run: RunFolder) -> None:
    for name in ("model.aaa", "model.pickle"):
        write_atomically(run.resource_path(0, 0, name), name)
    assert run.find_resource(0, 0, "model.pickle").name == "model.pickle"


@pytest.mark.parametrize("name", ["optimizer", "mod", "models", "model_2"])
def test_a_resource_that_is_not_there_is_an_error_that_lists_those_that_are(run: RunFolder, name: str) -> None:
    write_atomically(run.resource_path(0, 0, "model.safetensors"), b"")
    with pytest.raises(StoreError, match=r"model\.safetensors") as caught:
        run.find_resource(0, 0, name)
    assert caught.value.code == "MG402"
    with pytest.raises(StoreError, match="no checkpoint"):
        run.find_resource(0, 1, name)


def test_experiments_and_checkpoints_of_two_digits_are_seen_in_order(run: RunFolder) -> None:
    for epoch in (10, 2, 0):
        write_atomically(run.resource_path(11, epoch, "model"), b"")
    write_atomically(run.checkpoint_path(2, 0) / ".model.part", b"")
    write_atomically(run.experiment_path(11) / "steps" / "7" / "model", b"")
    run.checkpoint_path(11, 3).mkdir()
    run.spools_path.mkdir()
    assert run.experiments() == [2, 11]
    assert run.checkpoint_epochs(11) == [0, 2, 10]
    assert run.checkpoint_epochs(2) == []
    assert run.checkpoint_epochs(5) == []
    assert run.resources(11, 10) == ["model"]
