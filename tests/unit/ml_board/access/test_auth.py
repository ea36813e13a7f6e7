"""Whose token it is, in each way that a token comes, and how long that holds."""

import time

import pytest

from ml_board.access.auth import ALL_RIGHTS, ANYONE, MAX_WRONG, SESSION_S, WRONG_WITHIN_S, Auth, AuthError, Token

READER = Token(secret="reader-secret", name="reader", rights=frozenset({"read"}))
ADMIN = Token(secret="admin-sécret", name="admin", rights=ALL_RIGHTS)


class Clock:
    def __init__(self):
        self.now = 1_800_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def auth(clock):
    return Auth([READER, ADMIN], now=clock)


def bearer(secret, address="192.0.2.1"):
    return {"HTTP_AUTHORIZATION": f"Bearer {secret}", "REMOTE_ADDR": address}


def test_without_tokens_everyone_may_do_everything():
    assert Auth().admit({}) is ANYONE
    assert Auth().admit(bearer("any"), {"token": "any"}).rights == ALL_RIGHTS


@pytest.mark.parametrize(
    ("environ", "auth_of_socket"),
    [
        (bearer("reader-secret"), None),
        ({"HTTP_AUTHORIZATION": "bearer  reader-secret "}, None),
        ({}, {"token": "reader-secret"}),
        (bearer("nothing"), {"token": "reader-secret"}),
        (bearer("reader-secret"), {"token": 7}),
        (bearer("reader-secret"), "token"),
    ],
)
def test_a_token_comes_with_the_socket_or_in_the_header(auth, environ, auth_of_socket):
    assert auth.admit(environ, auth_of_socket).name == "reader"


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"HTTP_AUTHORIZATION": "Basic cmVhZGVyOnJlYWRlci1zZWNyZXQ="},
        {"HTTP_AUTHORIZATION": "reader-secret"},
        {"HTTP_COOKIE": "token=reader-secret"},
        {"QUERY_STRING": "token=reader-secret"},
        bearer("reader-secre"),
        bearer("reader-secrett"),
        bearer(""),
        bearer("\ud800"),
    ],
)
def test_nobody_else_is_admitted(auth, environ):
    with pytest.raises(AuthError) as refused:
        auth.admit(environ)
    assert refused.value.code == "MG417"
    assert "reader-secre" not in str(refused.value)


def test_a_right_that_a_token_lacks_is_refused_by_its_name(auth):
    reader = auth.admit(bearer("reader-secret"))
    reader.check("read")
    with pytest.raises(AuthError, match=r"'reader' has no right to write") as refused:
        reader.check("write")
    assert refused.value.code == "MG606"


def test_a_token_expires_and_its_session_with_it(clock):
    auth = Auth([Token(secret="s" * 20, name="guest", rights=ALL_RIGHTS, expires_at=clock.now + 10)], now=clock)
    session = {"HTTP_COOKIE": f"{auth.cookie}={auth.open_session('s' * 20)}"}
    assert auth.admit(bearer("s" * 20)).name == auth.admit(session).name == "guest"
    clock.now += 10
    for environ in (bearer("s" * 20), session):
        with pytest.raises(AuthError):
            auth.admit(environ)


def test_a_session_stands_for_its_token_and_does_not_hold_it(auth):
    value = auth.open_session("reader-secret")
    assert "reader" not in value
    assert auth.admit({"HTTP_COOKIE": f"a=b; {auth.cookie}={value}"}).name == "reader"


def test_a_session_of_other_tokens_or_one_that_was_changed_is_none(auth, clock):
    value = auth.open_session("reader-secret")
    others = Auth([READER], now=clock)
    for asked, forged in ((others, value), (auth, value[:-1]), (auth, value + "x"), (auth, "")):
        with pytest.raises(AuthError):
            asked.admit({"HTTP_COOKIE": f"{asked.cookie}={forged}"})
    assert others.cookie != auth.cookie


def test_a_session_ends_by_its_age(monkeypatch, auth):
    value = auth.open_session("reader-secret")
    environ = {"HTTP_COOKIE": f"{auth.cookie}={value}"}
    later = time.time() + SESSION_S + 2
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(AuthError):
        auth.admit(environ)


def test_an_address_that_guesses_has_to_wait_and_others_do_not(auth, clock):
    for number in range(MAX_WRONG):
        with pytest.raises(AuthError, match="unknown"):
            auth.admit(bearer(f"guess {number}"))
    with pytest.raises(AuthError) as refused:
        auth.admit(bearer("reader-secret"))
    assert refused.value.code == "MG607"
    assert auth.admit(bearer("reader-secret", "192.0.2.2")).name == "reader"
    clock.now += WRONG_WITHIN_S + 1
    assert auth.admit(bearer("reader-secret")).name == "reader"


def test_a_client_that_goes_on_with_an_old_token_locks_nobody_out(auth):
    for _ in range(3 * MAX_WRONG):
        with pytest.raises(AuthError, match="unknown"):
            auth.admit(bearer("token of yesterday"))
    assert auth.admit(bearer("reader-secret")).name == "reader"


def test_the_address_is_that_of_the_connection(auth):
    scope = {"client": ("192.0.2.7", 1234)}
    for number in range(MAX_WRONG):
        with pytest.raises(AuthError):
            auth.admit({**bearer(f"guess {number}", "127.0.0.1"), "asgi.scope": scope})
    assert auth.admit(bearer("reader-secret", "127.0.0.1")).name == "reader"
    with pytest.raises(AuthError):
        auth.admit({**bearer("reader-secret", "127.0.0.1"), "asgi.scope": scope})
