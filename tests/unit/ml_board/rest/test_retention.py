"""Deleting over REST: the event first, then the files, for those who may."""

import hashlib
import json

import pytest

from ml_board.access.auth import Auth, Token
from ml_board.rest.app import create_rest
from ml_board.runs.views import RunViews
from ml_board.settings import Settings
from ml_board.telemetry import Telemetry
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.log_reader import LogReader
from mlgym_core.events.retention import list_trash
from mlgym_core.events.types import CheckpointSaved, Resource

SECRETS = {right: f"a-secret-to-{right}-with" for right in ("read", "write", "admin")}


@pytest.fixture
def finished(recording) -> RunFolder:
    """A run that nobody writes any more, with checkpoints of the epochs 0 and 1 of experiment 0."""
    for epoch in (0, 1):
        path = recording.folder.resource_path(0, epoch, "model.safetensors")
        path.parent.mkdir(parents=True)
        path.write_bytes(b"weights")
        path.with_name("optimizer.safetensors").write_bytes(b"moments")
        sha256 = hashlib.sha256(b"weights").hexdigest()
        recording.publish(
            CheckpointSaved(
                grid_search_id=recording.run_id,
                experiment_id=0,
                epoch=epoch,
                step=epoch,
                resources=[Resource(name="model.safetensors", size_bytes=7, sha256=sha256)],
                weights_sha256=sha256,
                kept_as=[],
            )
        )
    recording.close()
    return recording.folder


def deleted_epochs(run: RunFolder) -> list[int]:
    events = [json.loads(line) for line in LogReader(run).poll()]
    return [each["payload"]["epoch"] for each in events if each["event_type"] == "checkpoint_deleted"]


def test_a_run_is_moved_to_the_trash(client, storage, finished):
    answer = client.delete(f"/api/runs/{finished.run_id}")

    assert answer.status_code == 200
    assert (answer.json["run_id"], answer.json["by"]) == (finished.run_id, "anyone")
    assert not finished.path.exists()
    assert [each.run_id for each in list_trash(storage)] == [finished.run_id]
    assert client.get("/api/runs").json == []
    assert client.get(f"/api/runs/{finished.run_id}").status_code == 404


def test_a_run_that_is_being_written_is_a_conflict(client, recording):
    answer = client.delete(f"/api/runs/{recording.run_id}")

    assert (answer.status_code, answer.json["error"]["code"]) == (409, "MG404")
    assert recording.folder.exists()


@pytest.mark.parametrize("name", ["never", "last", ".trash", "..%2F.."])
def test_only_a_run_by_its_id_is_deleted(client, finished, name):
    assert client.delete(f"/api/runs/{name}").status_code in (403, 404)
    assert finished.exists()


@pytest.mark.parametrize(("path", "epochs"), [("checkpoints", [0, 1]), ("checkpoints/1", [1])])
def test_checkpoints_of_an_experiment_are_deleted(client, finished, path, epochs):
    answer = client.delete(f"/api/runs/{finished.run_id}/experiments/0/{path}")

    assert answer.json == {"run_id": finished.run_id, "experiment_id": 0, "epochs": epochs}
    assert deleted_epochs(finished) == epochs
    assert finished.checkpoint_epochs(0) == [each for each in (0, 1) if each not in epochs]
    assert client.delete(f"/api/runs/{finished.run_id}/experiments/0/{path}").status_code == 404


def test_mlgyms_route_tells_of_a_checkpoint_that_the_log_has(client, finished):
    assert client.delete(f"/checkpoints/{finished.run_id}/0/1").status_code == 200

    assert deleted_epochs(finished) == [1]
    assert not finished.checkpoint_path(0, 1).exists()


def test_mlgyms_route_tells_nothing_twice(client, finished):
    client.delete(f"/api/runs/{finished.run_id}/experiments/0/checkpoints/1")
    path = finished.resource_path(0, 1, "model.safetensors")
    path.parent.mkdir()
    path.write_bytes(b"left over")

    assert client.delete(f"/checkpoints/{finished.run_id}/0/1").status_code == 200

    assert deleted_epochs(finished) == [1]
    assert not path.exists()


def test_a_checkpoint_that_loses_a_file_is_told_to_be_none(client, finished):
    assert client.delete(f"/checkpoints/{finished.run_id}/0/1/model").status_code == 200
    assert client.delete(f"/checkpoints/{finished.run_id}/0/1/optimizer").status_code == 200

    assert deleted_epochs(finished) == [1]
    assert finished.resources(0, 1) == []


@pytest.mark.parametrize(("path", "allowed"), [("", {"admin"}), ("/experiments/0/checkpoints/0", {"write", "admin"})])
def test_who_may_delete(storage, finished, path, allowed):
    rights = {"read": {"read"}, "write": {"read", "write"}, "admin": {"read", "write", "admin"}}
    tokens = [Token(secret=SECRETS[name], name=name, rights=frozenset(rights[name])) for name in rights]
    settings = Settings(event_storage_path=storage.path)
    client = create_rest(settings, RunViews(storage.path), Auth(tokens), Telemetry()).test_client()
    for name in ("read", "write", "admin"):
        if name not in allowed:
            headers = {"Authorization": f"Bearer {SECRETS[name]}"}
            assert client.delete(f"/api/runs/{finished.run_id}{path}", headers=headers).status_code == 403
    assert client.delete(f"/api/runs/{finished.run_id}{path}").status_code == 401
    assert finished.checkpoint_epochs(0) == [0, 1]

    headers = {"Authorization": f"Bearer {SECRETS[min(allowed, key=list(rights).index)]}"}
    assert client.delete(f"/api/runs/{finished.run_id}{path}", headers=headers).status_code == 200
