"""Clocks that are a day ahead, a day behind, and that jump: order and numbers do not depend on them.

Server, carrier and recorder each have a clock of their own, which is set anew again and again; a publisher of the
contract alone sends events that were made tomorrow or yesterday.
"""

from __future__ import annotations

import json
import operator
import sys
import time
from pathlib import Path

from ledger import LineCount, audit
from rig import Process, Server, Trial, run_script, until
from wire import event_line, publishing

RUN_ID = "2026-01-02--03-04-05"
SHIFTED = str(Path(__file__).with_name("shifted.py"))
DAY_S = 24 * 3600
SHIFTS = (0, DAY_S, -DAY_S, 3600, -3600, 0.5, -0.5)


def play(trial: Trial) -> None:
    """Sets clocks while events come."""
    num_events = trial.sized(1_500, 20_000)
    journal = trial.folder / "journal"
    journal.mkdir()
    clocks = {name: trial.folder / f"{name}.clock" for name in ("server", "carry", "record")}
    for path in clocks.values():
        set_clock(trial, path)
    server = Server(trial)
    server.command = [sys.executable, SHIFTED, str(clocks["server"]), "board", *server.command[3:]]
    recorder = trial.folder / "recorder"
    carrier = worker(trial, clocks["carry"], "carry", recorder, RUN_ID, server.url)
    recording = worker(trial, clocks["record"], "record", recorder, RUN_ID, num_events, journal)
    stored = LineCount(server.log_path(RUN_ID))
    try:
        for each in (server, carrier, recording):
            each.start()
        sent = send_of_other_days(trial, server, recording, list(clocks.values()))
        trial.report.fault("clients that failed", recording.wait() != 0, recording.errors()[-500:])
        until(lambda: stored() >= num_events + len(sent), "all events, without a new turn of any clock")
    finally:
        for each in (recording, carrier, server):
            each.kill()
    [recorded] = journal.glob("recorded-*")
    expected = {"p": len(sent), recorded.name.removeprefix("recorded-"): num_events}
    lines = map(json.loads, server.log_path(RUN_ID).read_text().splitlines())
    kept = [line["creation_ts"] for line in lines if line["x"]["producer"] == "p"]
    trial.report.fault("times changed", sum(map(operator.ne, kept, sent)))
    trial.report.count("events stored", audit(server.log_path(RUN_ID), expected, trial.report).num_lines)
    trial.report.fault("tracebacks in the server", server.num_tracebacks(), server.errors()[-2000:])


def send_of_other_days(trial: Trial, server: Server, recording: Process, clocks: list[Path]) -> list[int]:
    """The times at which the events were made that were sent while clocks were set."""
    times: list[int] = []
    with publishing(server.url, RUN_ID, "p") as publisher:
        publisher.hello()
        while recording.is_running or len(times) < 100:
            set_clock(trial, trial.rng.choice(clocks))
            times.append(time.time_ns() // 1000 + int(trial.rng.choice(SHIFTS) * 1e6))
            answer = publisher.call("batch", event_line(RUN_ID, len(times), creation_ts=times[-1]))
            trial.report.fault("good events refused", answer.get("last_seq") != len(times), str(answer))
            time.sleep(0.01)
    return times


def set_clock(trial: Trial, path: Path) -> None:
    """Another time for whoever reads the file, which is never seen half written."""
    beside = path.with_suffix(".new")
    beside.write_text(str(trial.rng.choice(SHIFTS)))
    beside.replace(path)
    trial.report.count("clocks set")


def worker(trial: Trial, clock: Path, role: str, *arguments: object) -> Process:
    """A process of `workers.py` with a clock of its own."""
    command = [sys.executable, SHIFTED, str(clock), "workers.py", role, *map(str, arguments)]
    return Process(command, trial.folder / f"{role}.err")


if __name__ == "__main__":
    run_script(play)
