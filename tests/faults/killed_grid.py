"""A grid in two processes, killed at random moments and resumed until it ends: all of its processes, or one worker."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from likeness import compare
from rig import PATIENCE_S, Trial, until

COMPONENTS = Path(__file__).with_name("resume_components.py")
GRID = """\
imports: [resume_components]
run: {epochs: 4, seed: 3, process_count: 2, save_every_steps: 3, system_metrics_every: 0}
data: {use: iris}
splits: {use: stratified, source: $data.train, fractions: {train: 0.5, val: 0.5}}
loaders:
  splits: {train: $splits.train, val: $splits.val}
  batch_size: 16
  num_workers: {sweep: NUM_WORKERS}
  transforms: [{use: fragile, seconds: 0.004}]
model: {use: mlp, sizes: [4, 8, 3], dropout: 0.3}
optimizer: {use: adam, lr: {sweep: RATES}}
lr_scheduler: {use: exponential_lr, gamma: 0.9}
loss: cross_entropy
metrics: [accuracy]
checkpointing: {use: combined, rules: [last_epoch, {use: best, monitor: val/accuracy}]}
"""
Attempt = tuple[int, int]
"""An experiment, and the how manieth attempt of it."""
SHORT = {"NUM_WORKERS": "[0]", "RATES": "[1e-1, 1e-2, 1e-3, 1e-4]"}
LONG = {"NUM_WORKERS": "[0, 1]", "RATES": "[1e-1, 1e-2]"}
"""With processes that make the batches, which take seconds to start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """A folder with the grid's configuration, and how long the grid takes that nobody kills, once it has begun."""

    trial: Trial
    folder: Path
    taken_s: float = 0.0

    @property
    def armed(self) -> Path:
        """What `resume_components.ARMED` is there."""
        return self.folder / "armed"

    def start(self, storage: Path, *, is_resumed: bool) -> subprocess.Popen[str]:
        """The run in `storage`, a new one or the one that is there."""
        what = ["resume", "last"] if is_resumed else ["run", str(self.folder / "grid.yml")]
        command = [sys.executable, "-m", "mlgym_core", *what, "--event_storage_path", str(storage)]
        with (self.folder / "output").open("w") as output:
            return subprocess.Popen(
                command, stdout=output, stderr=output, text=True, start_new_session=True, cwd=self.folder
            )

    def output(self) -> str:
        """What the last one wrote."""
        return (self.folder / "output").read_text(errors="replace")[-3000:]


def kill_grid(trial: Trial) -> None:
    """As many kills as are asked for, spread over as many runs as that takes."""
    shop = prepare(trial)
    num_kills, number = trial.sized(3, 100), 0
    while num_kills:
        number += 1
        num_kills -= play_run(shop, shop.folder / f"storage-{number}", num_kills)


def prepare(trial: Trial) -> Workshop:
    """Trains it once, unharmed."""
    folder = trial.folder / "grid"
    folder.mkdir()
    shutil.copy(COMPONENTS, folder)
    grid = GRID
    for word, values in (LONG if trial.is_long else SHORT).items():
        grid = grid.replace(word, values)
    (folder / "grid.yml").write_text(grid)
    shop = Workshop(trial=trial, folder=folder)
    process = shop.start(folder / "whole", is_resumed=False)
    wait_for_attempt(folder / "whole", process, set())
    began = time.monotonic()
    if process.wait(PATIENCE_S):
        raise RuntimeError(f"the grid does not train at all: {shop.output()}")
    return Workshop(trial=trial, folder=folder, taken_s=time.monotonic() - began)


def play_run(shop: Workshop, storage: Path, most_kills: int) -> int:
    """How often a run was killed until it ended, `most_kills` times at most."""
    report, num_kills, is_resumed = shop.trial.report, 0, False
    report.count("runs")
    while True:
        known = attempts(storage)
        process = shop.start(storage, is_resumed=is_resumed)
        if not is_resumed or shop.trial.rng.random() < 0.8:  # or else the start of what goes on is killed, too
            wait_for_attempt(storage, process, known)
        is_killed = num_kills < most_kills and disturb(shop, process)
        status = process.wait(PATIENCE_S)
        shop.armed.unlink(missing_ok=True)
        num_kills += is_killed
        if not is_killed and status == 0:
            compare(report, shop.folder / "whole", storage, "the grid")
            shutil.rmtree(storage)
            return num_kills
        if not is_killed:
            report.fault("runs that could not be resumed", note=f"{status}: {shop.output()}")
            return num_kills
        is_resumed = True


def disturb(shop: Workshop, process: subprocess.Popen[str]) -> bool:
    """Whether a kill came before the run ended: of all its processes at once, or of a worker by itself."""
    rng, report = shop.trial.rng, shop.trial.report
    with suppress(subprocess.TimeoutExpired):
        process.wait(rng.uniform(0.0, shop.taken_s))
        return False
    if rng.random() < 0.25:
        shop.armed.touch()
        process.wait(PATIENCE_S)
        if shop.armed.exists():
            return False
        report.count("kills of the grid: a worker")
    else:
        if not kill_all(process):
            return False
        report.count("kills of the grid: all processes")
    report.count("kills of the grid")
    return True


def kill_all(process: subprocess.Popen[str]) -> bool:
    """Whether it had not ended; none of its processes sees another one end."""
    held: dict[int, psutil.Process] = {}
    with suppress(psutil.NoSuchProcess):
        runner = psutil.Process(process.pid)
        while new := {each.pid: each for each in (runner, *runner.children(recursive=True)) if each.pid not in held}:
            for each in new.values():
                with suppress(psutil.NoSuchProcess):
                    each.suspend()
            held |= new
    for each in held.values():
        with suppress(psutil.NoSuchProcess):
            each.kill()
    return process.wait(PATIENCE_S) < 0


def wait_for_attempt(storage: Path, process: subprocess.Popen[str], known: set[Attempt]) -> None:
    """Returns once an experiment is trained by an attempt that is not among those known, or nothing can come any more.

    Before the first one, all experiments are recorded: there is a run that can be resumed.
    """
    until(lambda: attempts(storage) > known or process.poll() is not None, "the grid to begin", every_s=0.02)


def attempts(storage: Path) -> set[Attempt]:
    """All that the log of the run tells of, or a spool that will come into it."""
    found: set[Attempt] = set()
    for run in storage.iterdir() if storage.exists() else ():
        found |= read_attempts(run / "event_storage.log")
        with suppress(FileNotFoundError):  # the folder of the spools goes with the last of them
            for path in (run / "spool").iterdir():
                found |= read_attempts(path) if path.suffix == ".jsonl" else set()
    return found


def read_attempts(path: Path) -> set[Attempt]:
    """Those that a file of events tells of; a spool goes once it is in the log."""
    with suppress(FileNotFoundError, NotADirectoryError):
        events = map(json.loads, path.read_bytes().split(b"\n")[:-1])
        starts = [each["payload"] for each in events if each["event_type"] == "attempt_started"]
        return {(each["experiment_id"], each["attempt"]) for each in starts}
    return set()
