"""Where a service may listen without a token, and the names that it answers to."""

import asyncio
import socket

import orjson
import pytest

from ml_board.access.auth import ALL_RIGHTS, Auth, Token
from ml_board.access.exposure import SMALL_BYTES, answering_to, check_exposure, with_patience
from ml_board.settings import LOOPBACK_HOSTS, Settings
from mlgym_core.errors import RunError

LOCKED = Auth([Token(secret="a-secret-of-some-length", name="tester", rights=ALL_RIGHTS)])


def listener(host):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, 0), family=family)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_needs_no_token(host):
    with listener(host) as opened:
        check_exposure(opened, Auth())


def test_others_need_one():
    with listener("0.0.0.0") as opened:
        check_exposure(opened, LOCKED)
        with pytest.raises(RunError) as refused:
            check_exposure(opened, Auth())
    assert refused.value.code == "MG621"
    assert 'export MLGYM_TOKEN="$(python -c' in refused.value.hint
    assert "--token_file" in refused.value.hint


def answer(settings, headers, kind="http"):
    """The messages that a request with `headers` is answered by; None where it got through."""
    sent = []

    async def application(*_):
        sent.append(None)

    async def send(message):
        sent.append(message)

    scope = {"type": kind, "headers": headers}
    asyncio.run(answering_to(settings, application)(scope, None, send))
    return sent


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:1", "LOCALHOST.", "board.example:8080"])
def test_it_answers_to_its_names(tmp_path, host):
    settings = Settings(event_storage_path=tmp_path, hosts=LOOPBACK_HOSTS | {"board.example"})
    assert answer(settings, [(b"host", host.encode())]) == [None]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "", "0.0.0.0"]
)
def test_it_does_not_answer_to_the_name_of_another_site(tmp_path, host):
    settings = Settings(event_storage_path=tmp_path)
    start, body = answer(settings, [(b"host", host.encode())])
    assert start["status"] == 403
    assert orjson.loads(body["body"])["error"]["code"] == "MG610"
    assert answer(settings, [(b"host", b"localhost"), (b"host", host.encode())])[0]["status"] == 403 or not host
    assert answer(settings, [(b"host", host.encode())], "websocket")[0]["type"] == "websocket.close"


def test_any_name_will_do_where_the_settings_say_so(tmp_path):
    settings = Settings(event_storage_path=tmp_path, hosts=frozenset({"*"}))
    assert answer(settings, [(b"host", b"any.example")]) == [None]


def hear(headers, pieces, patience_s=30.0, ends=True):
    """How many pieces of a body had come when the application was called, and what it heard then."""
    left = list(pieces)
    heard = []

    async def receive():
        if not left:
            await asyncio.Event().wait()
        body = left.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(left) or not ends}

    async def application(_scope, receive, _send):
        heard.append(len(pieces) - len(left))
        more = True
        while more:
            message = await receive()
            heard.append(message.get("body", "gone"))
            more = message.get("more_body", False)

    asyncio.run(with_patience(application, patience_s)({"type": "http", "headers": headers}, receive, None))
    return heard


PIECES = [b"a", b"b", b"c"]
LARGE = [(b"content-length", b"%d" % (SMALL_BYTES + 1))]


@pytest.mark.parametrize("headers", [[], [(b"content-length", b"3")]])
def test_a_small_body_is_there_before_a_thread_is_taken(headers):
    assert hear(headers, PIECES) == [3, *PIECES]


@pytest.mark.parametrize("headers", [LARGE, [(b"transfer-encoding", b"chunked")], [(b"content-length", b"x")]])
def test_another_body_is_read_while_it_comes(headers):
    assert hear(headers, PIECES) == [0, *PIECES]


def test_a_client_that_stops_in_the_middle_is_gone():
    assert hear(LARGE, PIECES, 0.01, ends=False) == [0, *PIECES, "gone"]
    assert hear([(b"content-length", b"9")], PIECES, 0.01, ends=False) == [3, *PIECES, "gone"]


def test_a_socket_is_waited_for_without_end():
    async def application(_scope, receive, _send):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(receive(), 0.1)

    async def never():
        await asyncio.Event().wait()

    asyncio.run(with_patience(application, 0.01)({"type": "websocket"}, never, None))
