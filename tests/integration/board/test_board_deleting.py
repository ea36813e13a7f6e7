"""Deleting on a board while somebody publishes to it, and once nobody does."""

import hashlib

import requests

from mlgym_core.events.retention import list_trash
from mlgym_core.events.verify import verify_chain

RUN = "2026-11-21--10-00-00"
WEIGHTS = b"weights"


def saved(epoch):
    sha256 = hashlib.sha256(WEIGHTS).hexdigest()
    return {
        "event_type": "checkpoint_saved",
        "creation_ts": 1,
        "payload": {
            "grid_search_id": RUN,
            "experiment_id": 0,
            "epoch": epoch,
            "step": epoch,
            "resources": [{"name": "model.safetensors", "size_bytes": len(WEIGHTS), "sha256": sha256}],
            "weights_sha256": sha256,
            "kept_as": [],
        },
    }


def delete(board, path):
    return requests.delete(f"{board.url}{path}", timeout=30)


def test_checkpoints_of_a_run_under_way_can_be_deleted_and_the_run_once_nobody_publishes(board, connect, until):
    publisher = connect(transports=["websocket"])
    run = board.storage.run(RUN)
    for epoch in (0, 1):
        files = {"checkpoint_file": ("model.safetensors", WEIGHTS)}
        assert requests.post(f"{board.url}/checkpoints/{RUN}/0/{epoch}", files=files, timeout=30).ok
        publisher.call("mlgym_event", saved(epoch))

    deleted = delete(board, f"/api/runs/{RUN}/experiments/0/checkpoints/0")
    refused = delete(board, f"/api/runs/{RUN}")
    publisher.call("mlgym_event", saved(2))
    publisher.close()
    until(lambda: delete(board, f"/api/runs/{RUN}").ok)

    assert deleted.json() == {"run_id": RUN, "experiment_id": 0, "epochs": [0]}
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "MG404")
    assert not run.path.exists()
    [trashed] = list_trash(board.storage)
    kept = board.storage.path / ".trash" / trashed.folder
    assert verify_chain(kept / "event_storage.log").num_lines == 5
    lines = (kept / "event_storage.log").read_bytes().splitlines()
    assert [b"checkpoint_deleted" in line for line in lines] == [False, False, True, False, False]
    assert b'"run_trashed"' in lines[-1]
    assert board.get("/api/runs").json() == []
