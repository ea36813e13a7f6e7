"""kill -9 of the server and of its clients, while events come: none lost, none twice, none out of order.

Publishers of the contract alone and the project's own write into one run; a subscriber of the contract alone follows
it. After some kills the log gets a torn tail, as a power cut leaves one.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from ledger import LineCount, audit
from rig import Process, Server, Trial, run_script, until
from wire import Follower

RUN_ID = "2026-01-02--03-04-05"
WORKERS = str(Path(__file__).with_name("workers.py"))
PRODUCERS = ("a", "b", "c")


def play(trial: Trial) -> None:
    """Kills at random moments, spread evenly over the events."""
    num_events, num_kills = trial.sized(8_000, 100_000), trial.sized(12, 200)
    num_each = num_events // (len(PRODUCERS) + 1)
    journal = trial.folder / "journal"
    journal.mkdir()
    server = Server(trial)
    num_stored = LineCount(server.log_path(RUN_ID))
    follower = Follower(server.url, RUN_ID)
    clients = make_clients(trial, server, num_each, journal)
    carrier = worker(trial, "carry", trial.folder / "recorder", RUN_ID, server.url)
    try:
        for each in (server, *clients, carrier):
            each.start()
        follower.start()
        for number in range(num_kills):
            enough = num_events * (number + 1) // (num_kills + 2)
            until(lambda enough=enough: num_stored() >= enough, f"event {enough}, before kill {number}")
            if number % 2:
                kill_client(trial, [*clients, carrier])
            else:
                kill_server(trial, server)
                look_at_checkpoints(trial, server)
        for client in clients:
            trial.report.fault("clients that failed", client.wait() != 0, client.errors()[-3000:])
        num_published = num_each * len(PRODUCERS) + sum(read_recorded(journal).values())
        until(lambda: num_stored() >= num_published, f"{num_published} events, of which {num_stored()} are there")
        until(lambda: follower.copy.offset >= num_stored(), "the subscriber")
    finally:
        follower.stop()
        for each in (*clients, carrier, server):
            each.kill()
    look(trial, server, num_each, journal, follower)


def make_clients(trial: Trial, server: Server, num_each: int, journal: Path) -> list[Process]:
    """Publishers of the contract, and a process that records with `publish()`."""
    found = [
        worker(trial, "publish", server.url, RUN_ID, producer, num_each, journal, trial.rng.randrange(2**31))
        for producer in PRODUCERS
    ]
    return [*found, worker(trial, "record", trial.folder / "recorder", RUN_ID, num_each, journal)]


def worker(trial: Trial, role: str, *arguments: object) -> Process:
    """A process of `workers.py`."""
    command = [sys.executable, "-X", "faulthandler", WORKERS, role, *map(str, arguments)]
    return Process(command, trial.folder / f"{role}.err")


def kill_server(trial: Trial, server: Server) -> None:
    """It begins again, at times on a log with a torn tail."""
    server.kill()
    before = server.log_path(RUN_ID).read_bytes()
    whole = before[: before.rfind(b"\n") + 1]
    if trial.rng.random() < 0.3:
        with server.log_path(RUN_ID).open("ab") as log:
            log.write(b'{"event_type":"evaluation_result","creation_ts":17'[: trial.rng.randint(1, 50)])
        trial.report.count("torn tails")
    server.start()
    with server.log_path(RUN_ID).open("rb") as log:
        trial.report.fault("logs that did more than grow", log.read(len(whole)) != whole)
    trial.report.count("kills of the server")


def kill_client(trial: Trial, clients: list[Process]) -> None:
    """One that still has work; it begins again."""
    client = trial.rng.choice([client for client in clients if client.is_running])
    client.kill()
    client.start()
    trial.report.count("kills of clients")


def look_at_checkpoints(trial: Trial, server: Server) -> None:
    """Whatever the log says is saved lies there whole, at this moment too."""
    for line in server.log_path(RUN_ID).read_bytes().splitlines():
        if line.startswith(b'{"event_type":"checkpoint_saved"'):
            saved = json.loads(line)["payload"]
            folder = server.storage / RUN_ID / str(saved["experiment_id"]) / str(saved["epoch"])
            for resource in saved["resources"]:
                path = folder / resource["name"]
                is_whole = path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == resource["sha256"]
                trial.report.count("checkpoints looked at")
                trial.report.fault("checkpoints that are not whole", not is_whole, str(path))


def read_recorded(journal: Path) -> dict[str, int]:
    """For how many events `publish()` has returned, by producer."""
    return {path.name.removeprefix("recorded-"): path.stat().st_size for path in journal.glob("recorded-*")}


def look(trial: Trial, server: Server, num_each: int, journal: Path, follower: Follower) -> None:
    """What the log, the acknowledgements and the subscriber say."""
    report = trial.report
    expected = dict.fromkeys(PRODUCERS, num_each) | read_recorded(journal)
    log_path = server.log_path(RUN_ID)
    report.count("events stored", audit(log_path, expected, report).num_lines)
    look_at_checkpoints(trial, server)
    report.count("batches sent twice", num_notes(journal / "twice"))
    report.fault("acknowledgements broken", num_notes(journal / "broken"), first_note(journal / "broken"))
    report.fault("batches refused", num_notes(journal / "refused"), first_note(journal / "refused"))
    report.count("joins of the subscriber", follower.num_joins)
    report.fault("bytes the subscriber has otherwise", bytes(follower.copy.lines) != log_path.read_bytes())
    report.fault("chunks out of place", follower.copy.num_strays)
    report.fault("tracebacks in the server", server.num_tracebacks(), server.errors()[-2000:])


def num_notes(path: Path) -> int:
    """How many lines were noted."""
    return path.read_text().count("\n") if path.exists() else 0


def first_note(path: Path) -> str:
    """The first of them."""
    return path.read_text().split("\n")[0] if path.exists() else ""


if __name__ == "__main__":
    run_script(play)
