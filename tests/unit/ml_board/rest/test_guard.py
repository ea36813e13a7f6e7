"""Who may ask for what, from where, and how much of it."""

import errno
import io

import pytest

from ml_board.access.auth import Auth, Token
from ml_board.rest.app import create_rest
from ml_board.rest.guard import MAX_BODY_BYTES, MAX_QUERY_BYTES, MAX_QUERY_VALUES
from ml_board.runs.views import RunViews
from ml_board.settings import Settings, origin_patterns
from ml_board.telemetry import Telemetry

BOARD = "http://board.example"
RUN = "2026-11-21--10-00-00"
TOKENS = [
    Token(secret="of-reader", name="reader", rights=frozenset({"read"})),
    Token(secret="of-writer", name="writer", rights=frozenset({"write"})),
    Token(secret="of-admin", name="admin", rights=frozenset({"read", "write", "admin"})),
    Token(secret="of-guest", name="guest", rights=frozenset({"read", "write", "admin"}), expires_at=1.0),
]


@pytest.fixture
def guarded(storage):
    settings = Settings(event_storage_path=storage.path, origins=origin_patterns([BOARD]), max_upload_bytes=2**30)
    return create_rest(settings, RunViews(storage.path), Auth(TOKENS), Telemetry()).test_client()


def bearer(secret):
    return {"Authorization": f"Bearer {secret}"} if secret else {}


@pytest.mark.parametrize("secret", [None, "of-nobody", "of-guest"])
@pytest.mark.parametrize("origin", [BOARD, "http://evil.example", None])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/runs"),
        ("GET", "/api/session"),
        ("HEAD", "/api/runs"),
        ("GET", "/nowhere"),
        ("PUT", f"/grid_searches/{RUN}/run_config.yml"),
        ("POST", f"/checkpoints/{RUN}/0/0"),
        ("DELETE", f"/checkpoints/{RUN}/0/0"),
    ],
)
def test_without_a_token_that_holds_nothing_is_told(guarded, storage, secret, origin, method, path):
    headers = bearer(secret) | ({"Origin": origin} if origin else {})
    answer = guarded.open(path, method=method, headers=headers)
    if origin == "http://evil.example" and method not in ("GET", "HEAD"):
        assert answer.status_code == 403
    else:
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.headers.get("Access-Control-Allow-Origin") == (BOARD if origin == BOARD else None)
    if method != "HEAD":
        assert set(answer.json["error"]) == {"code", "message", "hint"}
    assert not storage.path.exists()


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/runs", {"reader", "admin"}),
        ("PUT", f"/grid_searches/{RUN}/run_config.yml", {"writer", "admin"}),
        ("DELETE", f"/checkpoints/{RUN}/0/0", {"writer", "admin"}),
    ],
)
@pytest.mark.parametrize("name", ["reader", "writer", "admin"])
def test_each_right_opens_its_own_routes(guarded, method, path, allowed, name):
    answer = guarded.open(path, method=method, headers=bearer(f"of-{name}"))
    if name in allowed:
        assert answer.status_code not in (401, 403)
    else:
        assert (answer.status_code, answer.json["error"]["code"]) == (403, "MG606")
        assert repr(name) in answer.json["error"]["message"]


def test_a_preflight_needs_no_token(guarded):
    headers = {
        "Origin": BOARD,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization",
    }
    answer = guarded.options(f"/grid_searches/{RUN}/run_config.yml", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization"


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("GET", f"/api/runs/{RUN}", {}, 404),
        ("GET", "/api/runs/.hidden", {}, 403),
        ("PATCH", f"/checkpoints/{RUN}/0/0", {}, 405),
        ("PUT", f"/grid_searches/{RUN}/run_config.yml", {"data": b"x"}, 422),
        ("PUT", f"/grid_searches/{RUN}/run_config.yml", {"data": bytes(MAX_BODY_BYTES + 1)}, 413),
        ("POST", "/api/runs", {"headers": {"Transfer-Encoding": "chunked"}}, 411),
    ],
)
def test_every_refusal_can_be_read_by_an_allowed_page(client, method, path, options, status):
    headers = {"Origin": BOARD, **options.pop("headers", {})}
    answer = client.open(path, method=method, headers=headers, **options)
    assert answer.status_code == status
    assert answer.headers["Access-Control-Allow-Origin"] == BOARD
    assert answer.json["error"]["hint"]


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [
        (f"/grid_searches/{RUN}/run_config.yml", MAX_BODY_BYTES + 1, 413),
        (f"/grid_searches/{RUN}/run_config.yml", 2**40, 413),
        (f"/checkpoints/{RUN}/0/0", 2**30, 422),
        (f"/checkpoints/{RUN}/0/0", 2**30 + 1, 413),
    ],
)
def test_a_size_that_is_too_much_is_refused_before_it_is_read(guarded, storage, path, size, status):
    method = "PUT" if "grid_searches" in path else "POST"
    answer = guarded.open(path, method=method, headers=bearer("of-admin"), content_length=size)
    assert answer.status_code == status
    assert not storage.path.exists()


@pytest.mark.parametrize("query", ["a=" + "x" * MAX_QUERY_BYTES, "&".join(["a=1"] * (MAX_QUERY_VALUES + 1))])
def test_a_query_without_end_is_refused(client, query):
    assert client.get(f"/api/runs?{query}").status_code == 413


class FullFile(io.BytesIO):
    def write(self, _):
        raise OSError(errno.ENOSPC, "No space left on device")


def refuse_file(**_):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("open_file", [lambda **_: FullFile(), refuse_file])
def test_a_disk_that_is_full_while_an_upload_comes_is_told(guarded, storage, monkeypatch, open_file):
    monkeypatch.setattr("ml_board.rest.app.tempfile.TemporaryFile", open_file)
    answer = guarded.post(
        f"/checkpoints/{RUN}/0/0",
        data={"checkpoint_file": (io.BytesIO(b"abc"), "model")},
        headers=bearer("of-admin"),
    )
    assert (answer.status_code, answer.json["error"]["code"]) == (507, "MG415")
    assert "No space left" in answer.json["error"]["message"]
    assert not storage.path.exists()
