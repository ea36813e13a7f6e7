"""One tracker, measured alone in a process of its own: what publish.py starts for us, for each peer and for the limit.

Usage: python benchmarks/trackers.py TRACKER MEASURE FOLDER; prints one line of JSON. TRACKER is one of `TRACKERS`.
MEASURE is `cost` (calls back to back), `loop` (calls in a torch loop of about 600 us a step) or `rate` (points until
they are on disk). Peers are imported in their own class alone, so that each needs nothing of the others.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

NUM_CALLS = 20_000
NUM_STEPS = 2_000
NUM_RUNS, POINTS_PER_RUN = 20, 5_000
SYNC_EVERY_S = 0.01
MERGE_EVERY_S = 0.01


class Tracker(Protocol):
    """A way to record scores, one run after the other."""

    def begin(self, number: int) -> None:
        """Begins a run."""

    def log(self, step: int, value: float) -> None:
        """Records one score of the run."""

    def end(self) -> None:
        """Ends the run; what was recorded is on disk when `finish` returns."""

    def finish(self) -> None:
        """Waits until all runs are on disk."""


class OursAlone:
    """A spool for each run; the same process merges them into chained and synced logs when all is published."""

    def __init__(self, folder: Path) -> None:
        from mlgym_core.events.folder import EventStorage
        from mlgym_core.events.spool import Spool
        from mlgym_core.events.types import EvaluationResult, MetricScore

        self._result, self._score, self._spools = EvaluationResult, MetricScore, Spool
        self._storage = EventStorage(folder)
        self._runs: list[Any] = []

    def begin(self, number: int) -> None:
        self._run = self._storage.run(f"run-{number}")
        self._spool = self._spools(self._run)
        self._runs.append(self._run)

    def log(self, step: int, value: float) -> None:
        self._spool.publish(
            self._result(
                grid_search_id=self._run.run_id,
                experiment_id=0,
                epoch=step,
                metric_scores=[self._score(metric="f1", split="val", score=value)],
                loss_scores=[],
            )
        )

    def end(self) -> None:
        self._spool.close()

    def finish(self) -> None:
        from mlgym_core.events.log import LogWriter
        from mlgym_core.events.merge import Merger

        for run in self._runs:
            writer = LogWriter(run)
            Merger(writer, run).merge_rest()
            writer.close()


class Ours(OursAlone):
    """The same, while a runner merges what workers publish, as in `mlgym run`: a process of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._orders, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        context.Process(target=merge_runs, args=(folder, theirs), daemon=True).start()
        self._orders.recv()

    def begin(self, number: int) -> None:
        super().begin(number)
        self._orders.send(self._run.run_id)

    def end(self) -> None:
        super().end()
        self._orders.send("")

    def finish(self) -> None:
        self._orders.send(None)
        self._orders.recv()


def merge_runs(folder: Path, orders: Connection) -> None:
    """What a runner does: brings spools into logs while they are written, run after run, until all are there."""
    from mlgym_core.events.folder import EventStorage
    from mlgym_core.events.log import LogWriter
    from mlgym_core.events.merge import Merger

    storage = EventStorage(folder)
    orders.send("ready")
    while run_id := orders.recv():
        run = storage.run(run_id)
        writer = LogWriter(run)
        merger = Merger(writer, run)
        while not orders.poll(MERGE_EVERY_S):
            merger.merge_once()
        orders.recv()
        merger.merge_rest()
        writer.close()
    orders.send("done")


class Trackio:
    """trackio, as its README starts it."""

    def __init__(self, folder: Path) -> None:
        os.environ["TRACKIO_DIR"] = str(folder)
        import trackio

        self._trackio = trackio

    def begin(self, number: int) -> None:
        self._trackio.init(project="benchmark", name=f"run-{number}")

    def log(self, step: int, value: float) -> None:
        self._trackio.log({"val/f1": value}, step=step)

    def end(self) -> None:
        self._trackio.finish()

    def finish(self) -> None:
        return


class TensorboardX:
    """tensorboardX: one event file for each run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, number: int) -> None:
        from tensorboardX import SummaryWriter

        self._writer = SummaryWriter(str(self._folder / f"run-{number}"))

    def log(self, step: int, value: float) -> None:
        self._writer.add_scalar("val/f1", value, step)

    def end(self) -> None:
        self._writer.close()

    def finish(self) -> None:
        return


class Mlflow:
    """MLflow on SQLite, in batches of 1,000, the largest that it takes."""

    def __init__(self, folder: Path) -> None:
        from mlflow import MlflowClient

        self._client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
        self._experiment = self._client.create_experiment("benchmark")
        self._batch: list[Any] = []

    def begin(self, number: int) -> None:
        self._run = self._client.create_run(self._experiment, run_name=f"run-{number}").info.run_id

    def log(self, step: int, value: float) -> None:
        from mlflow.entities import Metric

        self._batch.append(Metric("val/f1", value, int(time.time() * 1000), step))
        if len(self._batch) == 1000:
            self.end()

    def end(self) -> None:
        if self._batch:
            self._client.log_batch(self._run, self._batch)
            self._batch = []

    def finish(self) -> None:
        return


class BareAppend:
    """The limit: a line appended to a file, which is synced every 10 ms; nothing is chained, nothing checked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._synced = time.monotonic()

    def begin(self, number: int) -> None:
        self._fd = os.open(self._folder / f"run-{number}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def log(self, step: int, value: float) -> None:
        os.write(self._fd, b'{"split":"val","metric":"f1","epoch":%d,"score":%r}\n' % (step, value))
        if time.monotonic() - self._synced > SYNC_EVERY_S:
            os.fsync(self._fd)
            self._synced = time.monotonic()

    def end(self) -> None:
        os.fsync(self._fd)
        os.close(self._fd)

    def finish(self) -> None:
        return


TRACKERS: dict[str, Callable[[Path], Tracker]] = {
    "ours": Ours,
    "ours, one process": OursAlone,
    "trackio": Trackio,
    "tensorboardX": TensorboardX,
    "MLflow": Mlflow,
    "bare append": BareAppend,
}


def measure_cost(tracker: Tracker) -> dict[str, float]:
    """Median and 99th percentile of calls back to back, in us."""
    tracker.begin(0)
    times = [_time_call(tracker, step) for step in range(NUM_CALLS)][NUM_CALLS // 10 :]
    tracker.end()
    tracker.finish()
    return _percentiles(times)


def measure_in_loop(tracker: Tracker) -> dict[str, float]:
    """Median and 99th percentile of a call after each step of a torch loop, in us."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    inputs, targets = torch.randn(32, 64), torch.randint(0, 10, (32,))
    tracker.begin(0)
    times, steps = [], []
    for step in range(NUM_STEPS):
        start = time.perf_counter_ns()
        optimizer.zero_grad()
        torch.autograd.backward(nn.functional.cross_entropy(model(inputs), targets))
        optimizer.step()
        steps.append(time.perf_counter_ns() - start)
        times.append(_time_call(tracker, step))
    tracker.end()
    tracker.finish()
    skipped = NUM_STEPS // 10
    return {**_percentiles(times[skipped:]), "step": _percentiles(steps[skipped:])["median"]}


def measure_rate(tracker: Tracker) -> dict[str, float]:
    """Points a second, from the first call to all of them on disk."""
    start = time.perf_counter()
    for number in range(NUM_RUNS):
        tracker.begin(number)
        for step in range(POINTS_PER_RUN):
            tracker.log(step, 0.5 + step / 10_000)
        tracker.end()
    tracker.finish()
    return {"rate": NUM_RUNS * POINTS_PER_RUN / (time.perf_counter() - start)}


def _time_call(tracker: Tracker, step: int) -> int:
    start = time.perf_counter_ns()
    tracker.log(step, 0.5 + step / 10_000)
    return time.perf_counter_ns() - start


def _percentiles(times_ns: list[int]) -> dict[str, float]:
    ordered = sorted(times_ns)
    return {"median": ordered[len(ordered) // 2] / 1000, "p99": ordered[len(ordered) * 99 // 100] / 1000}


MEASURES = {"cost": measure_cost, "loop": measure_in_loop, "rate": measure_rate}


def main() -> None:
    """Measures one tracker and prints what came out."""
    name, measure, folder = sys.argv[1:]
    tracker = TRACKERS[name](Path(folder))
    gc.collect()
    print(json.dumps(MEASURES[measure](tracker)))


if __name__ == "__main__":
    main()
