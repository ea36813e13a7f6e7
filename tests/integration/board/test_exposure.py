"""What a running board gives to whom: by token, session, origin and host, over REST and the socket alike."""

import logging
import queue
import signal
import socket

import pytest
import requests
import socketio

from ml_board import service
from ml_board.access.auth import ALL_RIGHTS, Auth, Token

RUN = "2026-11-21--10-00-00"
EVENT = {"event_type": "job_status", "creation_ts": 1, "payload": {"grid_search_id": RUN}}
BOARD = "http://board.example"
SECRET = "a-secret-of-some-length"
AUTH = Auth(
    [
        Token(secret=SECRET, name="tester", rights=ALL_RIGHTS),
        Token(secret="an-expired-secret", name="guest", rights=ALL_RIGHTS, expires_at=1.0),
    ]
)


@pytest.fixture
def locked(start):
    """A board with tokens."""
    return start(lambda settings: service.create_board(settings, AUTH))


@pytest.fixture
def dial():
    """Connects to the socket as a browser or a publisher does."""
    clients = []

    def begin(url, on_refusal=None, **options):
        client = socketio.Client(reconnection=False, handle_sigint=False)
        client.on("connect_error", on_refusal)
        clients.append(client)
        client.connect(url, transports=["websocket"], wait_timeout=30, **options)
        return client

    yield begin
    for client in clients:
        if client.connected:
            client.disconnect()


def bearer(secret):
    return {"Authorization": f"Bearer {secret}"}


def session(url):
    with requests.Session() as browser:
        browser.post(f"{url}/login", data={"token": SECRET}, timeout=30, allow_redirects=False)
        return {"Cookie": "; ".join(f"{each.name}={each.value}" for each in browser.cookies)}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"auth": {"token": "another-secret"}},
        {"auth": {"token": "an-expired-secret"}},
        {"auth": ["token"]},
        {"headers": bearer("another-secret")},
        {"headers": {"Cookie": f"{AUTH.cookie}=forged"}},
    ],
)
def test_a_socket_without_a_token_that_holds_is_refused_with_words(locked, dial, options):
    told = queue.Queue()
    with pytest.raises(socketio.exceptions.ConnectionError):
        dial(locked.url, told.put, **options)
    words = told.get(timeout=30)["message"]
    assert "token" in words
    assert "secret" not in words
    assert not list(locked.storage.path.glob("*/event_storage.log"))


def test_a_socket_is_admitted_by_token_header_or_session(locked, dial):
    cookie = session(locked.url)
    for number, options in enumerate(({"auth": {"token": SECRET}}, {"headers": bearer(SECRET)}, {"headers": cookie})):
        client = dial(locked.url, **options)
        assert client.call("mlgym_event", EVENT, timeout=30) == {"event_id": number}
    assert requests.get(f"{locked.url}/api/session", headers=cookie, timeout=30).json()["name"] == "tester"


@pytest.mark.parametrize(("origin", "status"), [("http://evil.example", 400), ("null", 400), (BOARD, 200)])
def test_a_session_does_not_open_the_socket_to_pages_elsewhere(locked, origin, status):
    headers = session(locked.url) | {"Origin": origin}
    answer = locked.get("/socket.io/?EIO=4&transport=polling", headers=headers)
    assert answer.status_code == status
    assert answer.headers.get("Access-Control-Allow-Origin") == (origin if status == 200 else None)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/runs/nowhere", 404), ("GET", "/api/runs/a%2f..%2fb", 403), ("POST", "/api/runs", 405)],
)
@pytest.mark.parametrize("secret", [SECRET, "another-secret"])
def test_errors_can_be_read_by_allowed_pages_alone(locked, method, path, status, secret):
    for origin, allowed in ((BOARD, BOARD), ("http://evil.example", None)):
        headers = bearer(secret) | {"Origin": origin}
        answer = requests.request(method, f"{locked.url}{path}", headers=headers, timeout=30)
        assert answer.headers.get("Access-Control-Allow-Origin") == allowed
        if allowed:
            # What leads out of the storage is refused before anyone is asked for a token.
            assert answer.status_code == (status if secret == SECRET or status == 403 else 401)
        assert answer.json()["error"]["hint"]


@pytest.mark.parametrize("path", ["/", "/api/runs", "/healthz", "/socket.io/?EIO=4&transport=polling"])
def test_an_open_board_does_not_answer_to_the_name_of_another_site(board, path):
    """A page of evil.example whose name was turned to 127.0.0.1 is of the same origin as the board."""
    port = board.url.rpartition(":")[2]
    evil = f"evil.example:{port}"
    answer = board.get(path, headers={"Host": evil, "Origin": f"http://{evil}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "MG610")
    assert board.get(path, headers={"Host": f"localhost:{port}"}).status_code == 200


def test_nor_does_its_socket(board, dial):
    with pytest.raises(socketio.exceptions.ConnectionError):
        dial(board.url, headers={"Host": "evil.example"})


def test_a_command_takes_a_token_answers_to_any_name_with_it_and_never_prints_it(
    command, monkeypatch, storage_path, dial
):
    monkeypatch.setenv("MLGYM_TOKEN", SECRET)
    board = command("--event_storage_path", storage_path, "--port", 0)
    url = board.read_line().removeprefix("====> ACCESS MLBOARD VIA ")
    by_name = requests.get(f"{url}/api/runs", headers={"Host": "board.example", **bearer(SECRET)}, timeout=30)
    assert by_name.json() == []
    assert requests.get(f"{url}/api/runs?token={SECRET}", timeout=30).status_code == 401
    dial(url, auth={"token": SECRET}).call("mlgym_event", EVENT, timeout=30)
    board.process.send_signal(signal.SIGTERM)
    _, output, errors = board.end()
    assert SECRET not in output + errors


def test_a_token_is_in_no_log_however_much_is_told(locked, dial, caplog):
    caplog.set_level(logging.DEBUG)
    dial(locked.url, auth={"token": SECRET}).call("mlgym_event", EVENT, timeout=30)
    locked.get("/api/runs", headers=bearer(SECRET))
    session(locked.url)
    told = [each.getMessage() for each in caplog.records if each.name.startswith(("ml_board", "uvicorn", "asyncio"))]
    assert told
    assert not [each for each in told if SECRET in each]


def test_the_socket_apart_tells_of_its_health(start, dial):
    endpoint = start(lambda settings: service.create_socket_endpoint(settings, AUTH))
    assert endpoint.get("/healthz").json() == {"status": "ok"}
    dial(endpoint.url, auth={"token": SECRET}).call("mlgym_event", EVENT, timeout=30)
    assert "mlgym_events_total 1.0" in endpoint.get("/metrics", headers=bearer(SECRET)).text
    assert endpoint.get("/metrics").status_code == 401
    assert endpoint.get("/api/runs", headers=bearer(SECRET)).status_code == 404


def test_a_body_that_is_too_large_is_refused_and_the_connection_goes_on(board):
    with requests.Session() as client:
        answer = client.put(f"{board.url}/grid_searches/{RUN}/run_config.yml", data=bytes(17 * 2**20), timeout=60)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "MG608")
        assert client.get(f"{board.url}/api/runs", timeout=30).json() == []


@pytest.mark.parametrize("begin", [b"GET /", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ", b"GET / HTTP/1.1\r\n"])
def test_a_head_without_end_is_hung_up_on(board, begin):
    host, port = board.url.removeprefix("http://").split(":")
    line = b"X-Many: x\r\n" if begin.endswith(b"\n") else b"x"
    with socket.create_connection((host, int(port)), timeout=30) as client:
        client.sendall(begin)
        with pytest.raises(ConnectionError):
            client.sendall(line * (2**26 // len(line)))
    assert board.get("/api/runs").status_code == 200


def test_a_file_comes_whole_and_in_part(board):
    content = bytes(range(256)) * 4_000
    path = f"/checkpoints/{RUN}/0/0"
    files = {"checkpoint_file": ("model", content)}
    assert requests.post(f"{board.url}{path}", files=files, timeout=30).status_code == 200
    assert board.get(f"{path}/model").content == content
    part = board.get(f"{path}/model", headers={"Range": "bytes=300000-700000"})
    assert (part.status_code, part.content) == (206, content[300_000:700_001])
