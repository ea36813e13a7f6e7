"""Signing in, staying in, and leaving; where it leads, and what a browser is told."""

import pytest

from ml_board.access.auth import ALL_RIGHTS, MAX_WRONG, Auth, Token
from ml_board.access.login import create_login
from ml_board.pages import create_pages
from ml_board.rest.app import create_rest
from ml_board.runs.views import RunViews
from ml_board.settings import Settings
from ml_board.telemetry import Telemetry

SECRET = "a-secret-of-some-length"


@pytest.fixture
def telemetry():
    return Telemetry()


@pytest.fixture
def client(tmp_path, telemetry):
    auth = Auth([Token(secret=SECRET, name="tester", rights=ALL_RIGHTS)])
    app = create_rest(Settings(event_storage_path=tmp_path), RunViews(tmp_path), auth, telemetry)
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "index.html").write_text("<title>board</title>")
    app.register_blueprint(create_login(auth, telemetry))
    app.register_blueprint(create_pages(auth, tmp_path / "pages"))
    return app.test_client()


def sign_in(client, token=SECRET, **fields):
    return client.post("/login", data={"token": token, **fields})


def test_the_board_asks_to_sign_in_and_comes_back(client):
    answer = client.get("/?run_id=x&experiment=3")
    assert answer.status_code == 302
    assert answer.location == "/login?next=/%3Frun_id%3Dx%26experiment%3D3"
    form = client.get(answer.location)
    assert 'value="/?run_id=x&amp;experiment=3"' in form.text
    assert 'autocomplete="current-password"' in form.text
    assert sign_in(client, next="/?run_id=x&experiment=3").location == "/?run_id=x&experiment=3"
    assert client.get("/?run_id=x", buffered=True).text == "<title>board</title>"
    assert client.get("/api/runs").json == []
    assert client.get("/api/session").json == {
        "name": "tester",
        "rights": ["admin", "read", "write"],
        "is_open": False,
    }
    assert client.get("/login?next=/%3Frun_id%3Dx").location == "/?run_id=x"


def test_a_session_is_a_cookie_for_this_service_alone(client):
    cookie = sign_in(client).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Secure" not in cookie
    assert SECRET not in cookie
    behind_tls = client.post("/login", data={"token": SECRET}, headers={"X-Forwarded-Proto": "https"})
    assert "Secure" in behind_tls.headers["Set-Cookie"]


def test_signing_out_ends_it(client):
    sign_in(client)
    assert client.post("/logout").location == "/login"
    assert client.get("/api/runs").status_code == 401


def test_a_wrong_token_is_told_and_counted(client, telemetry):
    for token in ("wrong", ""):
        answer = sign_in(client, token)
        assert answer.status_code == 401
        assert 'role="alert"' in answer.text
        assert "Set-Cookie" not in answer.headers
    assert telemetry.registry.get_sample_value("mlgym_refusals_total", {"reason": "MG417"}) == 2


def test_a_form_is_small(client):
    assert sign_in(client, "x" * 5_000).status_code == 413


def test_guessing_is_slowed_down(client):
    for number in range(MAX_WRONG):
        assert sign_in(client, f"guess {number}").status_code == 401
    assert sign_in(client).status_code == 429
    answer = client.get("/api/runs", headers={"Authorization": f"Bearer {SECRET}"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")


@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil.example", "https://evil.example", "evil", "/\n/evil", ""]
)
def test_it_never_leads_elsewhere(client, target):
    assert sign_in(client, next=target).location == "/"


def test_a_link_on_another_site_opens_the_page_which_asks_itself(client):
    answer = client.get("/?run_id=x", headers={"Sec-Fetch-Site": "cross-site"}, buffered=True)
    assert answer.text == "<title>board</title>"


def test_the_page_may_speak_to_its_own_service_and_the_endpoints_of_its_address(client):
    sign_in(client)

    def connections(path):
        policy = client.get(path, buffered=True).headers["Content-Security-Policy"]
        return next(each for each in policy.split("; ") if each.startswith("connect-src"))

    assert connections("/") == "connect-src 'self'"
    endpoints = "/?rest_endpoint=http://h:1/x&ws_endpoint=https%3A%2F%2F[::1]%3A2"
    assert connections(endpoints) == "connect-src 'self' http://h:1 ws://h:1 https://[::1]:2 wss://[::1]:2"
    assert connections("/?rest_endpoint=*;script-src *&ws_endpoint=http:*") == "connect-src 'self'"


@pytest.mark.parametrize("path", ["/", "/login", "/api/runs", "/nowhere", "/api/runs/x"])
def test_each_answer_is_protected(client, path):
    sign_in(client)
    headers = client.get(path, buffered=True).headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"]
