"""Every route: what leads out of the storage, what is not there, what does not fit, and who may ask."""

import io

import pytest

from ml_board.rest.grid_searches import MAX_DEPTH
from ml_board.rest.operations import OPERATIONS

RUN = "2026-11-21--10-00-00"
BAD_NAMES = [
    "..", "%2e%2e", "..%2f..%2fetc", ".hidden", "a%00b", "a" * 129, "..%5c..", "a%0ab", "%252e%252e", "%c0%ae%c0%ae",
    "%ef%bc%8e%ef%bc%8e", "a%5cb", "%E2%80%AEa", "-", "a b", "~root", "$HOME",
]  # fmt: skip
ENDINGS = {
    "/grid_searches/<run_id>/<config_name>": ".yml",
    "/grid_searches/<run_id>/<experiment_id>/<config_name>": ".json",
}


def template(method, rule):
    """A path of a route, with places for a run, a number and a name."""
    path = rule.replace("<config_name>", "{name}" + (ENDINGS[rule] if method == "PUT" else ""))
    for parameter, place in {"run_id": "run", "experiment_id": "number", "epoch": "number", "resource": "name"}.items():
        path = path.replace(f"<{parameter}>", f"{{{place}}}")
    return path


ROUTES = [(method, template(method, rule)) for method, rule in sorted(OPERATIONS) if "<run_id>" in rule]


def body_of(method, route):
    if method == "POST":
        return {"data": {"checkpoint_file": (io.BytesIO(b"x"), "model")}}
    if method == "PUT":
        return {"json": {"file_format": "JSON" if route.endswith(".json") else "YAML", "content": "{}"}}
    return {}


@pytest.mark.parametrize(("method", "route"), ROUTES)
def test_what_leads_out_of_the_storage_is_forbidden(client, storage, method, route):
    for bad in BAD_NAMES:
        path = route.format(run=bad, number=0, name="model")
        answer = client.open(path, method=method, **body_of(method, route))
        assert answer.status_code == 403, path
        assert set(answer.json["error"]) == {"code", "message", "hint"}
    assert not storage.path.exists()


@pytest.mark.parametrize(("method", "route"), [each for each in ROUTES if "{name}" in each[1]])
def test_so_is_the_name_of_a_file_that_does(client, recording, method, route):
    before = sorted(recording.folder.path.rglob("*"))
    for bad in BAD_NAMES:
        path = route.format(run=recording.run_id, number=0, name=bad)
        assert client.open(path, method=method, **body_of(method, route)).status_code == 403, path
    assert sorted(recording.folder.path.rglob("*")) == before


@pytest.mark.parametrize(("method", "route"), [each for each in ROUTES if "{number}" in each[1]])
def test_what_is_no_number_is_forbidden(client, recording, method, route):
    for bad in ("-1", "1e3", "x", "01", "%2e%2e", "%D9%A3", "9" * 30):
        path = route.format(run=recording.run_id, number=bad, name="model")
        assert client.open(path, method=method, **body_of(method, route)).status_code == 403, path


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", f"/grid_searches/{RUN}/event_storage.log"),
        ("PUT", f"/grid_searches/{RUN}/writer.lock"),
        ("PUT", f"/grid_searches/{RUN}/spool.yaml"),
        ("PUT", f"/grid_searches/{RUN}/0/model.safetensors"),
        ("PUT", f"/grid_searches/{RUN}/..%2f..%2fpwn.yml"),
    ],
)
def test_only_configuration_files_can_be_put(client, recording, method, path):
    before = recording.folder.log_path.read_bytes()
    assert client.open(path, method=method, json={"file_format": "YAML", "content": ""}).status_code == 403
    assert recording.folder.log_path.read_bytes() == before


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/grid_searches/nowhere/experiments"),
        ("GET", f"/grid_searches/{RUN}/grid_search_config"),
        ("GET", f"/grid_searches/{RUN}/0/experiment_config"),
        ("GET", f"/checkpoints/{RUN}/0/0/model"),
        ("DELETE", f"/checkpoints/{RUN}/0/0"),
        ("DELETE", f"/checkpoints/{RUN}/0/0/model"),
        ("GET", f"/model-card/{RUN}/7"),
        ("GET", "/model-card/nowhere/0"),
        ("GET", f"/system-info/{RUN}/0"),
        ("GET", "/api/runs/nowhere"),
        ("GET", f"/api/runs/{RUN}/experiments/7"),
        ("GET", "/no/such/route"),
    ],
)
def test_what_is_not_there_is_not_found(client, recording, method, path):
    answer = client.open(path, method=method)
    assert answer.status_code == 404
    assert answer.json["error"]["message"]
    assert answer.json["error"]["hint"]


@pytest.mark.parametrize(
    "body",
    [
        {"data": b""},
        {"data": b"no json"},
        {"json": []},
        {"json": {"content": "a: 1"}},
        {"json": {"file_format": "YAML"}},
        {"json": {"file_format": "YAML", "content": 1}},
        {"json": {"file_format": "TOML", "content": ""}},
        {"json": {"file_format": "JSON", "content": "{}"}},
        {"data": b'{"file_format": "YAML", "content": "\\ud800"}'},
    ],
)
def test_a_body_that_is_no_yaml_file_does_not_fit(client, storage, body):
    answer = client.put(f"/grid_searches/{RUN}/run_config.yml", **body)
    assert answer.status_code == 422
    assert not storage.path.exists()


@pytest.mark.parametrize("content", ["{", "a: 1", '{"a": NaN}', ""])
def test_an_experiments_file_has_to_be_json(client, storage, content):
    body = {"file_format": "JSON", "content": content}
    assert client.put(f"/grid_searches/{RUN}/0/experiment_config.json", json=body).status_code == 422
    assert not storage.path.exists()


@pytest.mark.parametrize(
    ("path", "hint"), [("run_config", "run_config.yml"), ("0/experiment_config", "experiment_config.json")]
)
def test_a_file_without_its_ending_does_not_fit_and_is_told_it(client, storage, path, hint):
    answer = client.put(f"/grid_searches/{RUN}/{path}", json={"file_format": "YAML", "content": ""})
    assert answer.status_code == 422
    assert answer.json["error"]["hint"] == f"a file is stored as {hint}"
    assert not storage.path.exists()


@pytest.mark.parametrize("depth", [MAX_DEPTH, MAX_DEPTH + 1, 1_000, 100_000])
@pytest.mark.parametrize(("left", "right"), [("[", "]"), ('{"a":', "}")])
def test_json_is_bounded_in_depth(client, storage, depth, left, right):
    deep = left * depth + ("1" if left != "[" else "") + right * depth
    path = f"/grid_searches/{RUN}/0/experiment_config.json"
    status = 200 if depth <= MAX_DEPTH else 422
    assert client.put(path, json={"file_format": "JSON", "content": deep}).status_code == status
    if depth > MAX_DEPTH:
        body = f'{{"file_format": "JSON", "content": "{{}}", "beside": {deep}}}'
        assert client.put(path, data=body.encode()).status_code == 422
        assert not storage.path.exists()


def test_an_upload_without_its_field_does_not_fit(client, storage):
    assert client.post(f"/checkpoints/{RUN}/0/0", data={"file": "x"}).status_code == 422
    assert client.post(f"/checkpoints/{RUN}/0/0", data=b"x").status_code == 422
    assert not storage.path.exists()


def test_a_method_that_a_route_does_not_know_is_told_what_it_knows(client):
    answer = client.patch(f"/checkpoints/{RUN}/0/0")
    assert answer.status_code == 405
    assert answer.json["error"]["code"] == "MG604"
    assert {"POST", "DELETE"} <= set(answer.headers["Allow"].replace(",", " ").split())


@pytest.mark.parametrize("path", ["/api/runs", "/api/runs/nowhere", "/checkpoint_list/../0", "/no/such/route"])
def test_an_allowed_origin_may_read_every_answer_errors_too(client, recording, path):
    answer = client.get(path, headers={"Origin": "http://board.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "http://board.example"
    assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize("origin", ["http://evil.example", "http://board.example.evil.example", "null"])
@pytest.mark.parametrize("path", ["/api/runs", "/api/runs/nowhere"])
def test_another_origin_may_not(client, recording, path, origin):
    assert "Access-Control-Allow-Origin" not in client.get(path, headers={"Origin": origin}).headers


def test_a_preflight_is_answered_for_an_allowed_origin(client):
    headers = {"Origin": "http://board.example", "Access-Control-Request-Method": "PUT"}
    answer = client.options(f"/grid_searches/{RUN}/run_config.yml", headers=headers)
    assert answer.status_code == 200
    assert "PUT" in answer.headers["Access-Control-Allow-Methods"]


@pytest.mark.parametrize(
    ("method", "path"), [("POST", f"/checkpoints/{RUN}/0/0"), ("PUT", f"/grid_searches/{RUN}/run_config.yml")]
)
def test_a_page_of_another_origin_changes_nothing(client, storage, method, path):
    answer = client.open(path, method=method, headers={"Origin": "http://evil.example"}, **body_of(method, path))
    assert answer.status_code == 403
    assert not storage.path.exists()


def test_a_storage_that_takes_no_more_is_told(client, storage):
    storage.path.parent.mkdir(exist_ok=True)
    storage.path.write_text("a file where the folder should be")
    answer = client.put(f"/grid_searches/{RUN}/run_config.yml", json={"file_format": "YAML", "content": "a: 1"})
    assert answer.status_code == 507
    assert answer.json["error"]["hint"]


@pytest.mark.parametrize("damage", [b"no event\n", b"\n", b"[]\n", b"\xff\x00\n", b"[" * 200_000 + b"\n"])
def test_a_damaged_log_is_told_with_its_line(client, recording, damage):
    recording.close()
    with recording.folder.log_path.open("ab") as log:
        log.write(damage)
    for path in (f"/api/runs/{RUN}", f"/api/runs/{RUN}/experiments/0", f"/model-card/{RUN}/0"):
        answer = client.get(path)
        assert answer.status_code == 409
        assert "is damaged at line 5 " in answer.json["error"]["message"]
        assert f"mlgym show {RUN} --at 4" in answer.json["error"]["hint"]
    assert client.get("/api/runs").json[0]["num_events"] == 5


def test_a_log_that_was_put_in_place_of_another_is_told(client, recording):
    recording.close()
    lines = recording.folder.log_path.read_bytes().splitlines(keepends=True)
    recording.folder.log_path.write_bytes(b"".join(lines[1:]))
    answer = client.get(f"/api/runs/{RUN}")
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "MG409")
