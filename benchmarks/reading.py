"""How long until a run is on screen: its history, a log that is opened, a table of runs, a chart.

Servers are processes of their own. MLgym's is asked as its board asks; MLflow is asked through its client on SQLite,
without a server in between, which spares it the way over HTTP. The limit reads the same bytes from their files.
Usage: python benchmarks/reading.py [--rounds N] [--peers PYTHON --mlgym WHEEL]
"""

import argparse
import json
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import requests
import socketio
from publishers import connected, make_lines
from report import print_table
from servers import mlgym_server, our_server

from mlgym_core.events.folder import EventStorage, RunFolder
from mlgym_core.events.log import LogWriter
from mlgym_core.events.snapshots import FoldSnapshots, open_fold

RUN_ID = "2026-01-02--03-04-05"
NUM_HISTORY, NUM_LARGE = 50_000, 1_000_000
NUM_RUNS, POINTS = 200, 5_000
MLFLOW = """
import json, sys, time
from mlflow import MlflowClient
from mlflow.entities import Metric
folder, num_runs, charted, points, rounds = sys.argv[1], *map(int, sys.argv[2:])
client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
experiment = client.create_experiment("benchmark")
runs = [client.create_run(experiment).info.run_id for _ in range(num_runs)]
for run in runs[:charted]:
    for first in range(0, points, 1000):
        client.log_batch(run, [Metric("val/f1", 0.5, 1, step) for step in range(first, min(first + 1000, points))])
tables, charts = [], []
for _ in range(rounds):
    start = time.perf_counter(); client.search_runs([experiment], max_results=num_runs)
    tables.append(time.perf_counter() - start)
    start = time.perf_counter(); [client.get_metric_history(run, "val/f1") for run in runs[:charted]]
    charts.append(time.perf_counter() - start)
print(json.dumps([tables, charts]))
"""


def write_log(run: RunFolder, num_events: int) -> None:
    """A log of one score an event, of 20 experiments in turns."""
    writer = LogWriter(run)
    lines = make_lines(run.run_id, num_events)
    for first in range(0, num_events, 10_000):
        writer.append("producer", first + 1, lines[first : first + 10_000])
        writer.commit()
    writer.close()


def time_it(call: Callable[[], Any]) -> float:
    """Seconds that a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def time_history(url: str) -> float:
    """Seconds until a new subscriber has every line."""
    count, done = 0, threading.Event()

    def take(message: dict[str, Any]) -> bool:
        nonlocal count
        count += message["lines"].count(b"\n")
        if count >= NUM_HISTORY:
            done.set()
        return True

    with connected(url) as client:
        client.on("history", take)
        start = time.perf_counter()
        client.emit("join", {"rooms": [RUN_ID], "from_offset": 0, "v": 2})
        if not done.wait(120):
            raise RuntimeError(f"{count} of {NUM_HISTORY} events came")
        return time.perf_counter() - start


def time_state(url: str) -> float:
    """Seconds until the board has the state of the run."""
    with connected(url) as client:
        return time_it(lambda: client.call("watch", {"run_id": RUN_ID}, timeout=60))


def time_mlgym(python: str, wheel: Path, folder: Path) -> float:
    """Seconds until a subscriber of MLgym's server has every event, each a message of its own."""
    events = [msgspec.json.decode(line) for line in make_lines(RUN_ID, NUM_HISTORY)]
    (folder / RUN_ID).mkdir()
    with (folder / RUN_ID / "event_storage.log").open("w", encoding="utf-8") as log:
        log.writelines(json.dumps(event) + "\n" for event in events)
    count, done = 0, threading.Event()

    def take(message: dict[str, Any]) -> None:
        nonlocal count
        count += len(message["data"]) if message["event_id"] == "batched_events" else 1
        if count >= NUM_HISTORY - 1:
            done.set()

    with mlgym_server(python, wheel, folder) as server:
        client = socketio.Client(reconnection=False, handle_sigint=False)
        client.on("mlgym_event", take)
        client.connect(server.url, transports=["websocket"], wait_timeout=20)
        start = time.perf_counter()
        client.emit("join", {"client_id": "benchmark", "rooms": [RUN_ID]})
        done.wait(120)
        seconds = time.perf_counter() - start
        client.disconnect()
    return seconds


def measure_history(rounds: int, python: str | None, wheel: Path | None) -> list[tuple[str, ...]]:
    """Rows on 50,000 events and a new subscriber."""
    with tempfile.TemporaryDirectory() as folder:
        run = EventStorage(Path(folder)).run(RUN_ID)
        write_log(run, NUM_HISTORY)
        limit = [time_it(lambda: run.log_path.read_bytes()) for _ in range(rounds)]
        with our_server(Path(folder)) as server:
            cold = time_state(server.url)
        with our_server(Path(folder)) as server:
            first = time_state(server.url)
            states = [time_state(server.url) for _ in range(rounds)]
            histories = [time_history(server.url) for _ in range(rounds)]
    rows = [
        _row("50,000 events: state on screen, nothing folded before", [cold], "-"),
        _row("50,000 events: state on screen, server just started, from the snapshot", [first], "0.3 s"),
        _row("50,000 events: state on screen", states, "0.3 s"),
        _row("50,000 events: whole history", histories, f"{NUM_HISTORY / 200_000:.2f} s"),
        _row("limit: the file read", limit, "-"),
    ]
    if python and wheel:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(_row("MLgym 0.0.75: whole history", [time_mlgym(python, wheel, Path(folder))], "-"))
    return rows


def measure_opening(rounds: int) -> list[tuple[str, ...]]:
    """Rows on a log of a million events, for writing and for reading."""
    with tempfile.TemporaryDirectory() as folder:
        run = EventStorage(Path(folder)).run(RUN_ID)
        write_log(run, NUM_LARGE)
        warm_write = [time_it(lambda: LogWriter(run).close()) for _ in range(rounds)]
        _forget_snapshots(run)
        cold_write = time_it(lambda: LogWriter(run).close())
        cold_read = time_it(lambda: _open_to_the_end(run))
        _take_snapshots(run)
        warm_read = [time_it(lambda: _open_to_the_end(run)) for _ in range(rounds)]
    return [
        _row("1,000,000 events: folded without snapshot", [cold_read], "10 s"),
        _row("1,000,000 events: folded from the snapshot", warm_read, "0.1 s"),
        _row("1,000,000 events: opened for writing without snapshot", [cold_write], "10 s"),
        _row("1,000,000 events: opened for writing with snapshot", warm_write, "0.1 s"),
    ]


def measure_rest(rounds: int, python: str | None) -> list[tuple[str, ...]]:
    """Rows on the table of runs and on a chart, over REST."""
    with tempfile.TemporaryDirectory() as folder:
        storage = EventStorage(Path(folder))
        for number in range(NUM_RUNS):
            write_log(storage.run(f"2026-01-02--{number // 60:02}-{number % 60:02}-00"), 100)
        write_log(storage.run(RUN_ID), 20 * POINTS)
        with our_server(Path(folder)) as server, requests.Session() as session:
            table = f"{server.url}/api/runs"
            chart = f"{server.url}/api/runs/{RUN_ID}/series?format=binary"
            for url in (table, chart):
                session.get(url).raise_for_status()
            tables = [time_it(lambda: session.get(table).content) for _ in range(rounds)]
            charts = [time_it(lambda: session.get(chart).content) for _ in range(rounds)]
    rows = [
        _row("REST: table of 200 runs", tables, "20 ms"),
        _row("REST: chart of 20 x 5,000 points", charts, "100 ms"),
    ]
    if python:
        with tempfile.TemporaryDirectory() as folder:
            command = [python, "-c", MLFLOW, folder, *map(str, (NUM_RUNS, 20, POINTS, rounds))]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        peer_tables, peer_charts = json.loads(done.stdout.strip().rpartition("\n")[2])
        rows += [
            _row("MLflow: table of 200 runs", peer_tables, "-"),
            _row("MLflow: 20 x 5,000 points", peer_charts, "-"),
        ]
    return rows


def _open_to_the_end(run: RunFolder) -> None:
    fold, _ = open_fold(run)
    if fold.state.num_events != NUM_LARGE:
        raise RuntimeError(f"{fold.state.num_events} events were folded")


def _take_snapshots(run: RunFolder) -> None:
    snapshots = FoldSnapshots(run)
    fold, reader = snapshots.open()
    for lines in snapshots.follow(fold, reader):
        fold.feed(lines)


def _forget_snapshots(run: RunFolder) -> None:
    for path in run.snapshots_path.glob("*"):
        path.unlink()


def _row(name: str, seconds: list[float], goal: str) -> tuple[str, ...]:
    return name, f"{1000 * median(seconds):,.1f}", f"{1000 * min(seconds):,.1f}", goal


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--peers", metavar="PYTHON", help="an interpreter that has the peers")
    parser.add_argument("--mlgym", metavar="WHEEL", type=Path, help="mlgym-0.0.75-py3-none-any.whl")
    options = parser.parse_args()
    rows = [
        *measure_history(options.rounds, options.peers, options.mlgym),
        *measure_opening(options.rounds),
        *measure_rest(options.rounds, options.peers),
    ]
    print_table("Reading", ("", "ms, median", "ms, best", "goal"), rows)


if __name__ == "__main__":
    main()
