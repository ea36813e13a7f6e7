"""Does a grid cost more than the loop that one would write by hand? Whole processes from start to exit.

Ours is `mlgym run` with every event and a checkpoint of every epoch in an event storage of its own; the peer is
peer_pool.py, which logs and saves nothing; the limit is a process that does nothing but the imports both need.
Usage: python benchmarks/grid.py [--rounds N] [--process_count N]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from report import describe_ratio, print_table

HERE = Path(__file__).parent
NUM_EXPERIMENTS, NUM_EPOCHS = 24, 5
IMPORTS = "import torch, torch._dynamo, sklearn.datasets, sklearn.metrics, sklearn.model_selection"


def time_process(command: Sequence[str]) -> float:
    """Seconds from start to exit.

    Raises:
        subprocess.CalledProcessError: the process failed.
    """
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def time_ours(process_count: int) -> float:
    """Seconds of one `mlgym run`, whose log and checkpoints are checked to be complete after the clock stopped."""
    mlgym = [sys.executable, "-m", "mlgym_core"]
    with tempfile.TemporaryDirectory() as storage:
        where = ["--event_storage_path", storage]
        options = ["--process_count", str(process_count), *where]
        seconds = time_process([*mlgym, "run", str(HERE / "digits_grid.yml"), *options])
        check_run(subprocess.check_output([*mlgym, "show", "last", "--json", *where]))
    return seconds


def check_run(document: bytes) -> None:
    """Sees to it that nothing was left out.

    Raises:
        RuntimeError: an experiment is not finished or lacks a checkpoint.
    """
    experiments = json.loads(document)["experiments"]
    complete = [each for each in experiments if each["status"] == "finished" and len(each["checkpoints"]) == NUM_EPOCHS]
    if not len(experiments) == len(complete) == NUM_EXPERIMENTS:
        raise RuntimeError(f"{len(complete)} of {len(experiments)} experiments are complete, not {NUM_EXPERIMENTS}")


def main() -> None:
    """Measures in turns, so that a machine that slows down slows all three, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--process_count", type=int, default=2, help="workers of ours; the peer has two")
    options = parser.parse_args()

    ours, peer, limit = [], [], []
    for number in range(options.rounds):
        ours.append(time_ours(options.process_count))
        peer.append(time_process([sys.executable, str(HERE / "peer_pool.py")]))
        limit.append(time_process([sys.executable, "-c", IMPORTS]))
        print(f"round {number}: {ours[-1]:.2f} {peer[-1]:.2f} {limit[-1]:.2f} s", file=sys.stderr)

    times = {"mlgym run, all events and checkpoints": ours, "pool by hand, nothing kept": peer, "imports alone": limit}
    print_table(
        f"{NUM_EXPERIMENTS} experiments, median of {options.rounds} rounds",
        ("whole process", "s", "lowest to highest", "ratio to the pool, median (quartiles)"),
        [
            (name, f"{median(each):.2f}", f"{min(each):.2f} to {max(each):.2f}", describe_ratio(each, peer))
            for name, each in times.items()
        ],
    )


if __name__ == "__main__":
    main()
