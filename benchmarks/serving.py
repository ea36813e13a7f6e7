"""How many events a second does a server take, acknowledged and synced, and what do subscribers cost?

Publishers and subscribers are processes of their own and speak the protocol of the socket's second version; MLgym's
server takes single events, as its own publisher sends them. The limit appends the same lines and syncs each 10 ms.
Usage: python benchmarks/serving.py [--rounds N] [--peers PYTHON --mlgym WHEEL] [--large LINES]
"""

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import socketio
from publishers import make_lines, publish, subscribe, total
from report import describe_ratio, print_table
from servers import mlgym_server, our_server

from mlgym_core.events.folder import EventStorage
from mlgym_core.events.log import LogWriter

NUM_EVENTS = 200_000
NUM_MLGYM_EVENTS = 5_000
RUN_ID = "2026-01-02--03-04-05"


def measure_publishers(folder: Path, num_publishers: int, num_subscribers: int = 0) -> float:
    """Events a second of `num_publishers`, each with a run of its own; subscribers have joined the first of them."""
    context = multiprocessing.get_context("spawn")
    share = NUM_EVENTS // num_publishers
    with our_server(folder) as server:
        start = context.Barrier(num_publishers + bool(num_subscribers))
        results, seen = context.Queue(), context.Queue()
        begun = [
            context.Process(target=publish, args=(server.url, run_id(each), f"producer-{each}", share, start, results))
            for each in range(num_publishers)
        ]
        if num_subscribers:
            arguments = (server.url, run_id(0), num_subscribers, _length(folder) + share, start, seen)
            begun.append(context.Process(target=subscribe, args=arguments))
        for process in begun:
            process.start()
        spans = [results.get(timeout=600) for _ in range(num_publishers)]
        if num_subscribers:
            counts, last = seen.get(timeout=600)
            if len(set(counts)) != 1:
                raise RuntimeError(f"subscribers got {counts} events")
            spans.append((spans[0][0], last))
        for process in begun:
            process.join()
    return share * num_publishers / total(spans)


def run_id(number: int) -> str:
    """The id of a publisher's run."""
    return f"2026-01-02--03-04-{number + 5:02}"


def fill(folder: Path, num_lines: int) -> None:
    """Makes the log of the first publisher's run that long."""
    writer = LogWriter(EventStorage(folder).run(run_id(0)))
    lines = make_lines(run_id(0), 100_000)
    for number in range(num_lines // len(lines)):
        writer.append(f"filler-{number}", 1, lines)
        writer.commit()
    writer.close()


def measure_mlgym(python: str, wheel: Path, folder: Path) -> float:
    """Events a second that MLgym's server takes; they are counted in its file, for it acknowledges nothing."""
    events = [msgspec.json.decode(line) for line in make_lines(RUN_ID, NUM_MLGYM_EVENTS)]
    log = folder / RUN_ID / "event_storage.log"
    with mlgym_server(python, wheel, folder) as server:
        client = socketio.Client(reconnection=False, handle_sigint=False)
        client.connect(server.url, transports=["websocket"], wait_timeout=20)
        client.emit("join", {"client_id": "benchmark", "rooms": ["mlgym_event_publishers"]})
        start = time.perf_counter()
        for event in events:
            client.emit("mlgym_event", event)
        deadline = start + 120
        while not log.exists() or log.read_bytes().count(b"\n") < NUM_MLGYM_EVENTS - 1:
            if time.perf_counter() > deadline:
                break
            time.sleep(0.05)
        seconds = time.perf_counter() - start
        stored = log.read_bytes().count(b"\n")
        client.disconnect()
    return stored / seconds


def measure_limit(folder: Path) -> float:
    """Lines a second that one loop appends to a file, with a sync each 10 ms."""
    lines = [line + b"\n" for line in make_lines(RUN_ID, NUM_EVENTS)]
    start = synced = time.perf_counter()
    fd = os.open(folder / "limit", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for line in lines:
        os.write(fd, line)
        if time.perf_counter() - synced > 0.01:
            os.fsync(fd)
            synced = time.perf_counter()
    os.fsync(fd)
    os.close(fd)
    return len(lines) / (time.perf_counter() - start)


def _length(folder: Path) -> int:
    log = folder / run_id(0) / "event_storage.log"
    return log.read_bytes().count(b"\n") if log.exists() else 0


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", metavar="PYTHON", help="an interpreter that has what MLgym's server needs")
    parser.add_argument("--mlgym", metavar="WHEEL", type=Path, help="mlgym-0.0.75-py3-none-any.whl")
    parser.add_argument("--large", type=int, default=0, metavar="LINES", help="also into a log that has so many lines")
    options = parser.parse_args()

    cases: dict[str, tuple[Callable[[Path], float], str]] = {
        "one publisher": (lambda folder: measure_publishers(folder, 1), "45,000"),
        "four publishers": (lambda folder: measure_publishers(folder, 4), "80,000"),
        "one publisher, ten subscribers": (lambda folder: measure_publishers(folder, 1, 10), "30,000"),
        "limit: bare append": (measure_limit, "-"),
    }
    if options.mlgym:
        cases["MLgym 0.0.75, one publisher"] = (
            lambda folder: measure_mlgym(options.peers, options.mlgym, folder), "-",
        )  # fmt: skip
    rates: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(options.rounds):
        for name, (measure, _) in cases.items():
            rates[name].append(_in_new_folder(measure))
    if options.large:
        name = f"one publisher, into a log of {options.large:,} lines"
        cases[name] = (lambda folder: measure_publishers(folder, 1), "as into an empty one")
        rates[name] = _into_large(options.large, options.rounds)
    print_table(
        f"{NUM_EVENTS:,} events through the socket, acknowledged and synced",
        ("", "events/s, median", "events/s, best", "goal", "of one publisher's, median (quartiles)"),
        [
            (name, f"{median(each):,.0f}", f"{max(each):,.0f}", cases[name][1],
             describe_ratio(each, rates["one publisher"]))
            for name, each in rates.items()
        ],
    )  # fmt: skip


def _in_new_folder(measure: Callable[[Path], Any]) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        return measure(Path(folder))


def _into_large(num_lines: int, rounds: int) -> list[float]:
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder), num_lines)
        return [_append_more(Path(folder), each) for each in range(rounds)]


def _append_more(folder: Path, number: int) -> float:
    context = multiprocessing.get_context("spawn")
    with our_server(folder) as server:
        start, results = context.Barrier(1), context.Queue()
        arguments = (server.url, run_id(0), f"large-{number}", NUM_EVENTS, start, results)
        process = context.Process(target=publish, args=arguments)
        process.start()
        span = results.get(timeout=600)
        process.join()
    return NUM_EVENTS / total([span])


if __name__ == "__main__":
    main()
