"""What the routes answer."""

import io
import json

import pytest

from ml_board.runs import logs
from ml_board.runs.series import BINARY
from mlgym_core.events.codec import encode_event
from mlgym_core.events.types import CheckpointSaved, LogLines, Resource, SystemMetrics


def put(client, path, file_format, content):
    return client.put(path, json={"file_format": file_format, "content": content})


def form(content, name="model"):
    return {"checkpoint_file": (io.BytesIO(content), name)}


def upload(client, path, name, content):
    return client.post(path, data=form(content, name))


def test_configurations_of_a_run_come_back_as_they_were_put(client, recording):
    path = f"/grid_searches/{recording.run_id}"
    assert put(client, f"{path}/grid_search_config.yml", "YAML", "a: 1 # ü\n").status_code == 200
    answer = client.get(f"{path}/grid_search_config")
    assert (answer.text, answer.mimetype) == ("a: 1 # ü\n", "text/plain")


def test_configurations_may_come_before_the_first_event(client, storage):
    put(client, "/grid_searches/new/run_config.yml", "YAML", "a: 1")
    put(client, "/grid_searches/new/12/experiment_config.json", "JSON", '{"lr": 0.1}')
    answer = client.get("/grid_searches/new/experiments")
    assert answer.json == [{"experiment_id": 12, "last_checkpoint_id": -1, "experiment_config": {"lr": 0.1}}]
    assert client.get("/api/runs").json == []


def test_configurations_of_an_experiment_come_back_as_they_were_put(client, recording):
    path = f"/grid_searches/{recording.run_id}/1"
    put(client, f"{path}/system_info.json", "JSON", '{"cpu": 1}')
    assert client.get(f"{path}/system_info").json == {"cpu": 1}
    assert client.get(f"/system-info/{recording.run_id}/1").json == {"cpu": 1}


def test_experiments_and_epochs_of_two_digits_are_seen(client, recording):
    for epoch in (9, 10, 11, 2):
        assert upload(client, f"/checkpoints/{recording.run_id}/1/{epoch}", "model", b"x").status_code == 200
    upload(client, f"/checkpoints/{recording.run_id}/10/0", "model.pickle", b"x")
    found = client.get(f"/grid_searches/{recording.run_id}/experiments").json
    assert [(each["experiment_id"], each["last_checkpoint_id"]) for each in found] == [(0, -1), (1, 11), (10, 0)]
    assert found[0]["experiment_config"]["optimizer"] == {"lr": 0.1}
    assert [each["epoch"] for each in client.get(f"/checkpoint_list/{recording.run_id}/1").json] == [
        "11",
        "10",
        "9",
        "2",
    ]


def test_checkpoints_are_listed_as_clients_of_mlgym_read_them(client, recording):
    path = f"/checkpoints/{recording.run_id}/0/1"
    upload(client, path, "optimizer.pickle", b"o")
    upload(client, path, "model.pickle", b"m")
    listed = [{"experiment_id": "0", "epoch": "1", "checkpoints": ["model.pickle", "optimizer.pickle"]}]
    assert client.get(f"/checkpoint_list/{recording.run_id}/0").json == listed
    assert client.get(f"/checkpoint_list/{recording.run_id}/0/1").json == listed
    assert client.get(f"/checkpoint_list/{recording.run_id}/0/2").json == []
    assert client.get(f"/checkpoint_list/{recording.run_id}/7").json == []


def test_a_resource_is_found_by_mlgyms_names_whatever_it_is_stored_as(client, recording):
    path = f"/checkpoints/{recording.run_id}/0/1"
    content = bytes(range(256)) * 1_000
    upload(client, path, "model.safetensors", content)
    for name in ("model", "model.pickle", "model.safetensors"):
        answer = client.get(f"{path}/{name}", buffered=True)
        assert answer.data == content
        assert answer.mimetype == "application/octet-stream"


def test_a_stale_attempt_changes_no_file_of_the_live_one(client, recording, attempt_started):
    def begin(producer, number):
        recording.writer.append(producer, 1, [encode_event(attempt_started(0, number, recording.run_id))])
        recording.writer.commit()

    path = f"/checkpoints/{recording.run_id}/0/1"
    begin("old", 1)
    assert client.post(path, data=form(b"first"), headers={"MLgym-Producer": "old"}).status_code == 200
    begin("new", 2)
    assert client.post(path, data=form(b"second"), headers={"MLgym-Producer": "new"}).status_code == 200
    stale = {"headers": {"MLgym-Producer": "old"}}
    info = {"file_format": "JSON", "content": "{}"}
    for refused in (
        client.post(path, data=form(b"third"), **stale),
        client.delete(path, **stale),
        client.delete(f"{path}/model", **stale),
        client.put(f"/grid_searches/{recording.run_id}/0/system_info.json", json=info, **stale),
    ):
        assert (refused.status_code, refused.json["error"]["code"]) == (409, "MG414")
    assert client.get(f"{path}/model", buffered=True).data == b"second"
    assert client.get(f"/system-info/{recording.run_id}/0").status_code == 404


def test_a_checkpoint_from_within_an_epoch_lies_apart(client, recording):
    path = f"/checkpoints/{recording.run_id}/0/steps/7"
    assert upload(client, path, "model.safetensors", b"within").status_code == 200
    assert client.get(f"{path}/model", buffered=True).data == b"within"
    assert client.get(f"/checkpoint_list/{recording.run_id}/0").json == []
    assert client.get(f"/grid_searches/{recording.run_id}/experiments").json[0]["last_checkpoint_id"] == -1
    assert client.get(f"{path}/optimizer").status_code == 404
    assert client.delete(path).status_code == 200
    assert client.delete(path).status_code == 404
    assert client.get(f"{path}/model").status_code == 404


def test_the_end_of_a_checkpoint_from_within_an_epoch_is_told_before_it_is_deleted(client, recording):
    path = f"/checkpoints/{recording.run_id}/0/steps/7"
    upload(client, path, "model", b"x")
    saved = {"experiment_id": 0, "step": 7, "batch": 3, "resources": [], "weights_sha256": "0", "kept_as": ["every"]}
    recording.publish(CheckpointSaved(grid_search_id=recording.run_id, epoch=1, **saved))
    recording.close()
    assert client.delete(path).status_code == 200
    told = json.loads(recording.folder.log_path.read_bytes().splitlines()[-1])
    assert (told["event_type"], told["payload"]["batch"]) == ("checkpoint_deleted", 3)


def test_an_upload_replaces_what_was_there(client, recording):
    path = f"/checkpoints/{recording.run_id}/0/1"
    upload(client, path, "model", b"first")
    upload(client, path, "model", b"second")
    assert client.get(f"{path}/model", buffered=True).data == b"second"
    assert recording.folder.resources(0, 1) == ["model"]


def test_an_upload_with_a_path_for_a_name_is_forbidden(client, recording, storage):
    path = f"/checkpoints/{recording.run_id}/0/1"
    for name in ("../../pwn.txt", "/etc/pwn", "..", ".hidden", "a/b"):
        assert upload(client, path, name, b"x").status_code == 403
    assert not (storage.path / "pwn.txt").exists()
    assert recording.folder.resources(0, 1) == []


def test_a_checkpoint_goes_whole_or_by_resource(client, recording):
    for epoch in (0, 1):
        for name in ("model", "optimizer"):
            upload(client, f"/checkpoints/{recording.run_id}/0/{epoch}", name, b"x")
    assert client.delete(f"/checkpoints/{recording.run_id}/0/0").status_code == 200
    assert client.delete(f"/checkpoints/{recording.run_id}/0/0").status_code == 404
    assert client.delete(f"/checkpoints/{recording.run_id}/0/1/model").status_code == 200
    assert client.delete(f"/checkpoints/{recording.run_id}/0/1/model").status_code == 404
    assert client.get(f"/checkpoint_list/{recording.run_id}/0").json[0]["checkpoints"] == ["optimizer"]
    assert client.delete(f"/checkpoints/{recording.run_id}/0/1/optimizer").status_code == 200
    assert not recording.folder.checkpoint_path(0, 1).exists()


def test_a_model_card_has_the_keys_of_the_contract(client, recording):
    recording.publish(recording.result(1, 0, 0.5))
    card = client.get(f"/model-card/{recording.run_id}/1").json
    assert set(card) == {
        "model_details", "dataset_details", "training_details", "eval_details", "experiment_environment",
        "pipeline_details",
    }  # fmt: skip
    assert set(card["experiment_environment"]) == {"system_env", "carbon_footprint", "entry_point_cmd"}
    assert card["eval_details"]["splits"]["val"]["f1"]["best"]["value"] == 0.5


def test_a_model_card_can_be_asked_for_as_it_was(client, recording):
    recording.publish(recording.result(1, 0, 0.5))
    past = client.get(f"/model-card/{recording.run_id}/1?at=4").json
    assert past["eval_details"]["splits"] == {}
    assert client.get(f"/model-card/{recording.run_id}/1?at=999").status_code == 404


def test_the_list_of_runs_tells_who_lives(client, recording):
    (run,) = client.get("/api/runs").json
    assert (run["run_id"], run["status"], run["liveness"]) == (recording.run_id, "running", "alive")
    recording.close()
    (run,) = client.get("/api/runs").json
    assert (run["status"], run["liveness"]) == ("running", "lost")


def test_a_run_and_an_experiment_are_as_the_fold_says(client, recording):
    recording.publish(
        recording.result(0, 0, 0.5),
        CheckpointSaved(
            grid_search_id=recording.run_id,
            experiment_id=0,
            epoch=0,
            step=3,
            resources=[Resource(name="model.safetensors", size_bytes=1, sha256="00")],
            weights_sha256="00",
            kept_as=["last"],
        ),
    )
    run = client.get(f"/api/runs/{recording.run_id}").json
    assert run["offset"] == 7
    assert run["parameters"]["1"] == {"optimizer.lr": 0.2}
    experiment = client.get(f"/api/runs/{recording.run_id}/experiments/0").json
    assert [each["epoch"] for each in experiment["checkpoints"]] == [0]
    assert experiment["system_info"] is None
    assert client.get("/api/runs/last").json["run"]["run_id"] == recording.run_id


def test_a_run_is_told_as_it_was_after_an_event(client, recording):
    for epoch in range(3):
        recording.publish(recording.result(0, epoch, epoch / 10))
    path = f"/api/runs/{recording.run_id}"
    now = client.get(path).json
    for at in range(8):
        then = client.get(f"{path}?at={at}").json
        assert (then["offset"], then["run"]["num_events"]) == (at + 1, at + 1)
    assert then == now
    assert client.get(f"{path}/experiments/0?at=5").json["last"]["val/f1"] == {"value": 0.0, "epoch": 0}
    assert client.get(f"{path}/series?metric=f1&at=6").json["series"][0]["values"] == [0.0, 0.1]


@pytest.mark.parametrize("suffix", ["", "/experiments/0", "/series"])
def test_an_event_that_is_not_there_is_missing_and_the_answer_says_which_are(client, recording, suffix):
    answer = client.get(f"/api/runs/{recording.run_id}{suffix}?at=5")
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "MG402")
    assert answer.json["error"]["hint"] == "its events are 0 to 4"


@pytest.mark.parametrize(
    "query",
    [
        "at=-1",
        "at=x",
        "at=",
        "since=1.5",
        "buckets=0",
        "buckets=1000000",
        "format=xml",
        "experiment=a,b",
        f"at={2**64}",
    ],
)
def test_a_query_that_does_not_fit_is_refused_with_what_would(client, recording, query):
    answer = client.get(f"/api/runs/{recording.run_id}/series?{query}")
    assert answer.status_code == 422
    assert answer.json["error"]["hint"]


def test_series_are_chosen_by_experiment_metric_and_split(client, recording):
    for epoch in range(4):
        recording.publish(recording.result(0, epoch, epoch / 4), recording.result(1, epoch, 1))
    path = f"/api/runs/{recording.run_id}/series"
    page = client.get(f"{path}?metric=f1").json
    assert page == {
        "offset": 13,
        "series": [
            {
                "experiment_id": 0,
                "key": "val/f1",
                "num_points": 4,
                "bucketed": False,
                "epochs": [0, 1, 2, 3],
                "values": [0.0, 0.25, 0.5, 0.75],
            },
            {
                "experiment_id": 1,
                "key": "val/f1",
                "num_points": 4,
                "bucketed": False,
                "epochs": [0, 1, 2, 3],
                "values": [1.0, 1.0, 1.0, 1.0],
            },
        ],
    }
    assert client.get(f"{path}?experiment=1,0&split=val&metric=f1&metric=loss").json == page
    assert [each["key"] for each in client.get(path).json["series"]] == ["val/cross_entropy", "val/f1"] * 2
    for nothing in ("experiment=2", "split=test", "metric=loss"):
        assert client.get(f"{path}?{nothing}").json == {"offset": 13, "series": []}
    (one,) = client.get(f"{path}?experiment=0&metric=f1&since=9").json["series"]
    assert one["epochs"] == [2, 3]
    (one,) = client.get(f"{path}?experiment=0&metric=f1&buckets=2").json["series"]
    assert (one["bucketed"], one["epochs"], one["last"]) == (True, [1, 3], [0.25, 0.75])


@pytest.mark.parametrize("how", [{"query_string": {"format": "binary"}}, {"headers": {"Accept": BINARY}}])
def test_series_come_as_typed_arrays_where_that_is_asked_for(client, recording, how):
    recording.publish(recording.result(0, 0, 0.5))
    answer = client.get(f"/api/runs/{recording.run_id}/series", **how)
    assert answer.mimetype == BINARY
    assert answer.data.startswith(b"MLS1")


def said(recording, *said):
    """Publishes log lines: (experiment, stream, line)."""
    recording.publish(
        *(
            LogLines(
                grid_search_id=recording.run_id, experiment_id=experiment, stream=stream, level="INFO", lines=[line]
            )
            for experiment, stream, line in said
        )
    )


def test_a_log_is_told_as_it_stands_from_any_event_on(client, recording):
    recording.publish(recording.result(0, 0, 0.5))
    path, whole = f"/api/runs/{recording.run_id}/log", recording.folder.log_path.read_bytes()
    answer = client.get(path)
    assert (answer.data, answer.mimetype) == (whole, "application/x-ndjson")
    lines = whole.splitlines(keepends=True)
    assert client.get(f"{path}?since=2").data == b"".join(lines[2:])
    assert client.get(f"{path}?since={len(lines)}").data == b""
    assert client.get(f"{path}?since={len(lines) + 1}").status_code == 404


def test_log_lines_are_read_from_where_they_stand(client, recording):
    said(recording, (None, "stdout", "of the run"), (0, "stderr", "größer"), (1, "stdout", "one"), (0, "stdout", "two"))
    path = f"/api/runs/{recording.run_id}/logs"
    page = client.get(path).json
    assert (page["offset"], page["more"]) == (9, False)
    assert [(each["event_id"], each["experiment_id"], each["stream"], each["lines"]) for each in page["entries"]] == [
        (5, None, "stdout", ["of the run"]),
        (6, 0, "stderr", ["größer"]),
        (7, 1, "stdout", ["one"]),
        (8, 0, "stdout", ["two"]),
    ]
    assert page["entries"][0]["level"] == "INFO"
    assert page["entries"][0]["at"] > 1.6e9
    for query, found, more in [
        ("limit=2", [7, 8], True),
        ("limit=4", [5, 6, 7, 8], False),
        ("before=7&limit=1", [6], True),
        ("before=5", [], False),
        ("since=6&limit=2", [6, 7], True),
        ("since=7", [7, 8], False),
        ("since=9", [], False),
        ("since=6&before=8", [6, 7], False),
        ("experiment=0", [6, 8], False),
        ("experiment=0,1&stream=stdout&limit=1", [8], True),
        ("stream=logging", [], False),
        ("at=7", [5, 6, 7], False),
    ]:
        page = client.get(f"{path}?{query}").json
        assert ([each["event_id"] for each in page["entries"]], page["more"]) == (found, more), query


@pytest.mark.parametrize("query", ["", "?since=0"])
def test_as_many_log_lines_come_as_fit_into_an_answer(client, recording, monkeypatch, query):
    said(recording, *((0, "stdout", "x" * 30_000) for _ in range(8)))
    monkeypatch.setattr(logs, "MAX_PAGE_BYTES", 100_000)
    page = client.get(f"/api/runs/{recording.run_id}/logs{query}").json
    assert [each["event_id"] for each in page["entries"]] == ([5, 6, 7] if query else [10, 11, 12])
    assert page["more"]
    monkeypatch.setattr(logs, "MAX_PAGE_BYTES", 10)
    assert len(client.get(f"/api/runs/{recording.run_id}/logs{query}").json["entries"]) == 1


def test_samples_of_the_machine_come_as_columns(client, recording):
    for cpu in (10.0, 30.0, 20.0):
        recording.publish(
            SystemMetrics(
                grid_search_id=recording.run_id,
                host="here",
                cpu_percent=cpu,
                rss_bytes=2**33,
                memory_used_bytes=3,
                memory_total_bytes=4,
            )
        )
    path = f"/api/runs/{recording.run_id}/system"
    page = client.get(path).json
    columns = {each["key"]: each for each in page["series"]}
    assert page["offset"] == 8
    assert list(columns) == ["cpu_percent", "memory_used_bytes", "rss_bytes"]
    assert columns["cpu_percent"]["values"] == [10.0, 30.0, 20.0]
    assert columns["rss_bytes"]["values"] == [2.0**33] * 3
    assert columns["cpu_percent"]["times"] == sorted(columns["cpu_percent"]["times"])
    assert client.get(f"{path}?since=6&at=6").json["series"][0]["values"] == [30.0]
    (bucket,) = [each for each in client.get(f"{path}?buckets=1").json["series"] if each["key"] == "cpu_percent"]
    assert (bucket["min"], bucket["max"], bucket["last"], bucket["num_points"]) == ([10.0], [30.0], [20.0], 1)
    run = client.get(f"/api/runs/{recording.run_id}").json["run"]
    assert run["system"]["cpu_percent"] == 20.0
