"""Tokens none, bad, expired, of another service, and with too few rights, on every route, event and origin.

Each answer is compared with what the rights of the asker say; what is refused changes nothing and tells nothing.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

import requests
from rig import PATIENCE_S, Server, Trial, run_script, serving
from routes import RawClient, Route, list_routes
from wire import BrokenError, Connection, event_line, publishing

RUN_ID = "2026-01-02--03-04-05"
OWN_ORIGIN = "http://board.example"
ORIGINS = (None, OWN_ORIGIN, "http://evil.example", "http://board.example.evil.example", "null")
VALUES = {"run_id": "none-such", "experiment_id": "0", "epoch": "0", "step": "0", "resource": "model"} | {
    "config_name": "run_config"
}
KNOWN = {
    "reader": frozenset({"read"}),
    "publisher": frozenset({"write"}),
    "writer": frozenset({"read", "write"}),
    "admin": frozenset({"read", "write", "admin"}),
}
PUBLIC = ("/healthz",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Somebody with a token or without one, and what they should be allowed."""

    name: str
    secret: str | None
    rights: frozenset[str] = frozenset()


def play(trial: Trial) -> None:
    """REST, then the socket, then sessions; a second service gives tokens that are those of another."""
    askers = make_askers(trial.folder)
    admin = next(asker for asker in askers if asker.name == "admin")
    options = ("--token_file", str(trial.folder / "tokens.yml"), "--cors_allowed_origins", OWN_ORIGIN)
    with serving(trial, *options) as server:
        with publishing(server.url, RUN_ID, "p", token=admin.secret) as publisher:
            publisher.hello()
            publisher.batch(range(1, 11))
        before = server.log_path(RUN_ID).read_bytes()
        client = RawClient(server.url)
        for route in list_routes(server.url, admin.secret):
            trial.report.count("routes")
            for asker in askers:
                for origin in ORIGINS:
                    ask(trial, client, route, asker, origin)
        client.close()
        for asker in askers:
            use_socket(trial, server, asker)
        use_sessions(trial, server, admin)
        trial.report.fault("logs changed by the refused", server.log_path(RUN_ID).read_bytes() != before)
        told = sum(asker.secret in server.errors() for asker in askers if asker.secret)
        trial.report.fault("tokens told on standard error", told)


def make_askers(folder: Path) -> list[Asker]:
    """All of them; the tokens of the service are in `tokens.yml`."""
    known = {
        "reader": ["read"],
        "writer": ["read", "write"],
        "publisher": ["write"],
        "admin": ["read", "write", "admin"],
    }
    askers = [Asker(name=name, secret=secrets.token_urlsafe(), rights=frozenset(has)) for name, has in known.items()]
    expired = Asker(name="expired", secret=secrets.token_urlsafe())
    lines = [f"- {{name: {each.name}, token: {each.secret}, rights: [{', '.join(each.rights)}]}}" for each in askers]
    lines.append(f"- {{name: expired, token: {expired.secret}, rights: [read, write, admin], expires: 2020-01-01}}")
    path = folder / "tokens.yml"
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o600)
    bad = [Asker(name="none", secret=None), Asker(name="of another", secret=secrets.token_urlsafe()), expired]
    cut = Asker(name="cut short", secret=str(askers[-1].secret)[:-1])
    return [*askers, *bad, cut]


def ask(trial: Trial, client: RawClient, route: Route, asker: Asker, origin: str | None) -> None:
    """One request, and the answer that it should get."""
    headers = {"Origin": origin} if origin else {}
    if asker.secret:
        headers["Authorization"] = f"Bearer {asker.secret}"
    answer = client.ask(route, route.fill(VALUES), headers)
    trial.report.count("requests")
    where = f"{route.method} {route.path} by {asker.name} from {origin}: {answer.status} {answer.body[:150]!r}"
    is_foreign = origin not in (None, OWN_ORIGIN)
    if is_foreign and route.method != "GET":
        trial.report.fault("foreign pages let in", (answer.status, answer.code) != (403, "MG601"), where)
    elif route.path in PUBLIC:
        trial.report.fault("refused wrongly", answer.status != 200, where)
    elif not asker.rights:
        trial.report.fault("let in wrongly", (answer.status, answer.code) != (401, "MG417"), where)
    elif needed(route) not in asker.rights:
        trial.report.fault("let in wrongly", (answer.status, answer.code) != (403, "MG606"), where)
    else:
        trial.report.count("requests that were let in")
        trial.report.fault("refused wrongly", answer.code in ("MG417", "MG606", "MG601"), where)
    trial.report.fault("answers of 5xx", answer.status >= 500, where)
    allowed = answer.headers.get("Access-Control-Allow-Origin")
    trial.report.fault("wrong CORS headers", allowed != (None if is_foreign else origin), f"{where} allows {allowed}")


def needed(route: Route) -> str:
    """The right that the contract asks for."""
    if route.method == "GET":
        return "read"
    return "admin" if (route.method, route.path) == ("DELETE", "/api/runs/{run_id}") else "write"


def use_socket(trial: Trial, server: Server, asker: Asker) -> None:
    """From each origin: to connect, to read, to publish."""
    for origin in ORIGINS:
        trial.report.count("connections tried")
        where = f"{asker.name} from {origin}"
        try:
            connection = Connection(server.url, asker.secret, origin=origin)
        except BrokenError:
            is_wrong = bool(asker.rights) and origin in (None, OWN_ORIGIN)
            trial.report.fault("refused wrongly", is_wrong, where)
            continue
        is_wrong = not asker.rights or origin not in (None, OWN_ORIGIN)
        trial.report.fault("let in wrongly", is_wrong, f"to connect: {where}")
        trial.report.count("connections that were let in")
        for right, event, data in (
            ("read", "join", {"rooms": [RUN_ID], "from_offset": 0, "v": 2}),
            ("read", "watch", {"run_id": RUN_ID}),
            ("write", "hello", {"v": 2, "producer": "p", "grid_search_id": RUN_ID}),
            ("write", "batch", event_line(RUN_ID, 1, "p")),  # which is there already
        ):
            answer = connection.call(event, data)
            is_refused = "err" in answer or "error" in answer
            fault = "refused wrongly" if is_refused else "let in wrongly"
            is_wrong = is_refused == (right in asker.rights)
            trial.report.fault(fault, is_wrong, f"{event} by {where}: {str(answer)[:200]}")
        connection.close()


def use_sessions(trial: Trial, server: Server, admin: Asker) -> None:
    """A cookie stands for the token; an altered one stands for nothing, and a token in a query neither."""
    signed_in = requests.Session()
    signed_in.post(f"{server.url}/login", data={"token": admin.secret}, timeout=PATIENCE_S)
    trial.report.fault(
        "refused wrongly", signed_in.get(f"{server.url}/api/runs", timeout=PATIENCE_S).status_code != 200, "cookie"
    )
    [cookie] = list(signed_in.cookies)
    trial.report.fault("tokens told in a cookie", str(admin.secret) in str(cookie.value))
    for _ in range(trial.sized(50, 2_000)):
        value = str(cookie.value)
        at = trial.rng.randrange(len(value) - 1)  # the last character has bits that stand for nothing
        other = trial.rng.choice([each for each in "abcXYZ019._-" if each != value[at]])
        altered = {str(cookie.name): value[:at] + other + value[at + 1 :]}
        answer = requests.get(f"{server.url}/api/runs", cookies=altered, timeout=PATIENCE_S)
        trial.report.count("altered cookies")
        trial.report.fault("let in wrongly", answer.status_code != 401, f"cookie altered at {at}: {answer.status_code}")
    for key in ("token", "access_token", "auth"):
        answer = requests.get(f"{server.url}/api/runs", params={key: str(admin.secret)}, timeout=PATIENCE_S)
        trial.report.fault("let in wrongly", answer.status_code != 401, f"?{key}=")


if __name__ == "__main__":
    run_script(play)
