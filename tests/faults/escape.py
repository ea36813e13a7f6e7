"""Paths that try to leave the store, on every route and every room: nothing outside is read, made, changed or removed.

Around the storage lies a secret in every form that a route could ask for.
"""

from __future__ import annotations

import http.client
import itertools
import random
from pathlib import Path
from urllib.parse import quote

from rig import Report, Server, Trial, run_script, serving
from routes import RawClient, Route, list_routes
from wire import BrokenError, Connection, event_line

SECRET = b"the secret that lies outside"
GOOD = {"run_id": "2026-01-02--03-04-05", "experiment_id": "0", "epoch": "0", "step": "0", "resource": "model"}
FILES = (
    "secret", "grid_search_config.yml", "run_config.yml", "event_storage.log", "model", "0/experiment_config.json",
    "0/system_info.json", "0/0/model", "outside/event_storage.log", "outside/grid_search_config.yml",
    "outside/0/experiment_config.json", "outside/0/0/model",
)  # fmt: skip
TARGETS = ("", "secret", "outside", "etc/passwd", "run_config", "0", "event_storage/../secret")
UPS = (
    "..", "../..", "../../..", "./..", "%2e%2e", "%2E%2E", ".%2e", "..%2f..", "%2e%2e%2f%2e%2e", "..%5c..", "..\\..",
    "%252e%252e", "%252e%252e%252f", "....//", "..;", "..%00", "%c0%ae%c0%ae", "%e0%80%ae%e0%80%ae", "\uff0e\uff0e",
    "..%0d%0a", "..%20", " ..", "~", "/", "//", "%2f", "C:", "C:\\..", "\\\\host\\share", "file:///", ".outbox",
    "2026-01-02--03-04-05/..", "2026-01-02--03-04-05%2f..", ".trash", ".", "%2e", "-", "*", "?", "#", "%", "%zz",
    "\udcff", "x" * 300,
)  # fmt: skip


def play(trial: Trial) -> None:
    """Every path on every route, in one slot after the other, and in every room."""
    make_outside(trial.folder)
    paths = make_paths(trial.rng, trial.sized(60, 500))
    with serving(trial) as server:
        before = look_outside(server)
        client = RawClient(server.url)
        for route in list_routes(server.url):
            trial.report.count("routes")
            for path in paths:
                values = GOOD | {"config_name": config_name(route)}
                for slot in route.slots if trial.is_long else route.slots and [trial.rng.choice(route.slots)]:
                    ask(trial.report, client, route, values | {slot: path}, path)
                if route.method == "POST":  # the name of the file alone
                    ask(trial.report, client, route, values, path)
        client.close()
        enter_rooms(trial.report, server, paths)
    after = look_outside(server)  # and nobody writes meanwhile
    trial.report.count("paths", len(paths))
    changed = [path for path in before.keys() | after.keys() if before.get(path) != after.get(path)]
    trial.report.fault("files outside changed", len(changed), str(changed[:5]))
    trial.report.fault("secrets in the storage", sum(SECRET in data for data in read_tree(server.storage).values()))


def make_paths(rng: random.Random, number: int) -> list[str]:
    """Different ways up, alone, twice and thrice, with what may lie there."""
    ways = itertools.product(UPS, ("", "/", "%2f", "\\"), TARGETS)
    found = dict.fromkeys(f"{up}{between}{target}" for up, between, target in ways if between or not target)
    rest = [path for path in found if path not in UPS]
    return [*UPS, *rng.sample(rest, number - len(UPS))]


def make_outside(folder: Path) -> None:
    """Files that nobody may see, in the form of runs, configurations and checkpoints."""
    for name in FILES:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'{"a": "' + SECRET + b'"}\n')


def look_outside(server: Server) -> dict[Path, bytes]:
    """All files beside the storage."""
    found = read_tree(server.storage.parent)
    return {p: data for p, data in found.items() if server.storage not in p.parents and p.name != "server.err"}


def read_tree(folder: Path) -> dict[Path, bytes]:
    """All files below a folder."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def config_name(route: Route) -> str:
    """A name that the route takes where nothing is wrong with the rest."""
    name, ending = ("experiment_config", ".json") if "{experiment_id}" in route.path else ("run_config", ".yml")
    return name + ending if route.method == "PUT" else name


def ask(report: Report, client: RawClient, route: Route, values: dict[str, str], attempt: str) -> None:
    """A request whose path is sent as it is, but for what no line of a request can hold."""
    path = quote(route.fill(values).encode("utf-8", "surrogateescape"), safe="/%\\:;?#*~-.")
    report.count("requests")
    try:
        answer = client.ask(route, path, file_name=attempt.replace('"', "").replace("\r\n", ""))
    except (http.client.HTTPException, ConnectionError) as error:
        report.fault("requests without an answer", note=f"{route.method} {path[:200]}: {error!r}")
        return
    where = f"{route.method} {path[:200]}: {answer.status} {answer.body[:200]!r}"
    report.fault("secrets told", SECRET in answer.body, where)
    report.fault("answers of 5xx", answer.status >= 500, where)
    if answer.status < 300:
        report.count("requests for something within")


def enter_rooms(report: Report, server: Server, paths: list[str]) -> None:
    """Each path as a room, as a run that is published to, watched and greeted, and as a producer."""
    connection = Connection(server.url)
    leaks: list[object] = []
    for name in ("mlgym_event", "history", "live", "delta"):
        connection.socket.on(name, lambda data: leaks.append(data) if SECRET.decode() in str(data) else None)
    for attempt in paths:
        path = attempt.encode("utf-8", "replace").decode()
        event = {"event_type": "note", "creation_ts": 1, "payload": {"grid_search_id": path}}
        for name, data in (
            ("join", {"rooms": [path]}),
            ("join", {"rooms": [path], "v": 2, "from_offset": 0}),
            ("watch", {"run_id": path}),
            ("mlgym_event", event),
            ("hello", {"v": 2, "producer": "p", "grid_search_id": path}),
            ("hello", {"v": 2, "producer": path, "grid_search_id": GOOD["run_id"]}),
            ("batch", event_line(path, 1, "p")),
            ("batch", event_line(GOOD["run_id"], 1, path)),
        ):
            report.count("calls to the socket")
            try:
                leaks += [data for answer in [connection.call(name, data)] if SECRET.decode() in str(answer)]
            except BrokenError:
                report.count("connections ended by the server")
                connection = Connection(server.url)
    report.fault("secrets told", len(leaks), str(leaks[:2]))
    connection.close()


if __name__ == "__main__":
    run_script(play)
