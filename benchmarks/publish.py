"""What does recording a score cost the training thread, and how fast is it safe on disk, beside other trackers?

Every tracker is measured in processes of its own, in turns, in an order drawn anew for each round: the cost of a call
back to back, the cost of a call in a torch loop of about 600 us a step, and 100,000 points of 20 runs until they are on
disk (ours merged, chained and synced). The limit appends bare lines and syncs each 10 ms.
Usage: python benchmarks/publish.py [--rounds N] [--peers PYTHON]   (`make benchmarks` makes the peers' environment)
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from report import describe_ratio, print_table

HERE = Path(__file__).parent
TRACKERS = ("ours", "ours, one process", "trackio", "tensorboardX", "MLflow", "bare append")
CALLS = ("ours", "trackio", "tensorboardX", "bare append")
"""MLflow is left out where single calls are timed: 999 of 1,000 only fill its batch, and the other waits for SQLite."""


def measure(python: str, tracker: str, what: str) -> dict[str, float]:
    """What trackers.py tells of one tracker."""
    with tempfile.TemporaryDirectory() as folder:
        command = [python, str(HERE / "trackers.py"), tracker, what, folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{tracker} failed; are the peers installed? make benchmarks does that\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.strip().rpartition("\n")[2])
    return found


def measure_in_turns(
    python: str, trackers: tuple[str, ...], what: str, rounds: int
) -> dict[str, list[dict[str, float]]]:
    """The figures of each tracker, round by round."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in trackers}
    for _ in range(rounds):
        for name in random.sample(trackers, len(trackers)):
            found[name].append(measure(python, name, what))
    return found


def print_costs(title: str, found: dict[str, list[dict[str, float]]], goal: str) -> None:
    """The table of calls: the best round's figures, and the ratio of the medians to the fastest peer's."""
    rows = []
    for name, each in found.items():
        medians = [one["median"] for one in each]
        best = min(each, key=lambda one: one["median"])
        ratio = describe_ratio(medians, [one["median"] for one in found["trackio"]])
        step = f"{best['step']:.0f}" if "step" in best else "-"
        rows.append((name, f"{best['median']:.1f}", f"{median(medians):.1f}", f"{best['p99']:.1f}", step, ratio))
    header = (
        "",
        "median us, best round",
        "median us, all rounds",
        "p99 us, best round",
        "torch step us",
        "of trackio's",
    )
    print_table(f"{title}; goal: {goal}", header, rows)


def print_rates(found: dict[str, list[dict[str, float]]]) -> None:
    """The table of points a second."""
    rates = {name: [one["rate"] for one in each] for name, each in found.items()}
    fastest = max(
        (name for name in rates if not name.startswith("ours") and name != "bare append"),
        key=lambda name: median(rates[name]),
    )
    rows = [
        (name, f"{median(each):,.0f}", f"{max(each):,.0f}", describe_ratio(each, rates[fastest]))
        for name, each in rates.items()
    ]
    header = ("", "points/s, median", "points/s, best", f"ratio to {fastest}, median (quartiles)")
    print_table("100,000 points, 20 runs, until on disk; goal: 8 times the fastest peer", header, rows)


def main() -> None:
    """Measures and prints the three tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON", help="an interpreter that has the peers")
    options = parser.parse_args()
    costs = measure_in_turns(options.peers, CALLS, "cost", options.rounds)
    print_costs("One call, back to back", costs, "median 4 us, p99 15 us")
    loops = measure_in_turns(options.peers, CALLS, "loop", options.rounds)
    print_costs("One call after each step of a torch loop", loops, "25 us")
    print_rates(measure_in_turns(options.peers, TRACKERS, "rate", options.rounds))


if __name__ == "__main__":
    main()
