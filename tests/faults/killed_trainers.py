"""Each kind of trainer, killed by itself at every batch, in its components, and between the files of its checkpoints.

Some resumed attempts are killed again. Each process of a try is forked from one that has imported all that tries need
and computed nothing: a run is so short that its imports would take most of the time.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import json
import multiprocessing
import os
import shutil
import signal
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from likeness import compare
from rig import PATIENCE_S, Report, Trial
from strikes import Point, Strikes

MODULES = (
    *("torch._dynamo", "sklearn.pipeline", "sklearn.linear_model", "sklearn.metrics", "skops.io", "xgboost"),
    *("mlgym_core.components", "mlgym_core.python_api", "mlgym_core.execution.preflight"),
    *("mlgym_core.execution.sequential",),
)
"""What tries need is imported once, in the process that they are forked from, and which computes nothing."""
COMPONENTS = "mlgym_core.components"
NUM_LANES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A trainer: the slots that it needs, and where it is killed, as (how, module.Class, method, place)."""

    slots: dict[str, Any]
    places: tuple[tuple[str, str, str, str], ...]


def common(trainer: str) -> tuple[tuple[str, str, str, str], ...]:
    """Where every trainer is killed; `trainer` is its class."""
    return (
        ("begin_before", trainer, "prepare", ""),
        ("after_each", trainer, "train_epoch", "batch"),
        ("before", trainer, "finish_epoch", "the end of an epoch"),
        ("before", trainer, "predict", "evaluation"),
        ("before", trainer, "load_resources", "going on"),
        ("before_each_file", trainer, "resources", "writing"),
        ("before", f"{COMPONENTS}.early_stopping.NoImprovement", "observe", "early stopping"),
        ("before", f"{COMPONENTS}.evaluator.FullEvaluator", "evaluate", "scores"),
    )


KINDS = {
    "torch": Kind(
        slots={
            "model": {"use": "mlp", "sizes": [4, 8, 3], "dropout": 0.3},
            "optimizer": {"use": "adam", "lr": 0.01},
            "lr_scheduler": {"use": "one_cycle_lr", "max_lr": 0.02, "total_steps": 100, "interval": "step"},
            "loss": "cross_entropy",
        },
        places=(
            *common(f"{COMPONENTS}.trainers.torch_trainer.TorchTrainer"),
            ("before", f"{COMPONENTS}.data.transforms.GaussianNoise", "__call__", "data"),
            ("before", "torch.nn.CrossEntropyLoss", "forward", "loss"),
            ("before", "torch.optim.Adam", "step", "optimizer"),
            ("before", "torch.optim.lr_scheduler.OneCycleLR", "step", "scheduler"),
        ),
    ),
    "sklearn": Kind(
        slots={
            "trainer": "sklearn",
            "model": {"use": "pipeline", "steps": ["standard_scaler", {"use": "sgd_classifier", "loss": "log_loss"}]},
        },
        places=common(f"{COMPONENTS}.trainers.sklearn_trainer.SklearnTrainer"),
    ),
    "xgboost": Kind(
        slots={
            "trainer": {"use": "xgboost", "rounds_per_epoch": 3},
            "model": {"use": "xgboost", "max_depth": 3, "subsample": 0.5, "colsample_bytree": 0.5},
        },
        places=common(f"{COMPONENTS}.trainers.xgboost_trainer.XGBoostTrainer"),
    ),
}


def grid_of(kind: Kind, num_epochs: int) -> dict[str, Any]:
    """A small experiment that uses chance wherever it can, and keeps checkpoints of every kind."""
    return {
        "run": {
            **{"epochs": num_epochs, "seed": 3, "save_every_steps": 2, "executor": "main_process"},
            **{"system_metrics_every": 0, "durability": "written"},
        },
        "data": {"use": "iris"},
        "splits": {"use": "stratified", "source": "$data.train", "fractions": {"train": 0.5, "val": 0.5}},
        "loaders": {
            **{"splits": {"train": "$splits.train", "val": "$splits.val"}, "batch_size": 20},
            **{"sampling": {"train": "weighted"}, "transforms": [{"use": "gaussian_noise", "deviation": 0.1}]},
        },
        "metrics": ["accuracy", {"use": "f1", "average": "macro"}],
        "early_stopping": {"use": "no_improvement", "monitor": "val/accuracy", "window": 50, "min_delta": 0},
        "checkpointing": {
            "use": "combined",
            "rules": ["last_epoch", {"use": "best", "monitor": "val/f1"}, {"use": "every", "steps": 3, "keep": 1}],
        },
        **kind.slots,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One experiment of a kind, killed at each of `points` in turn and resumed after; held against `whole`."""

    kind: str
    number: int
    points: tuple[Point, ...]
    num_epochs: int
    folder: Path

    @property
    def storage(self) -> Path:
        """Where its run is."""
        return self.folder / f"{self.kind}-{self.number}"

    @property
    def whole(self) -> Path:
        """Where the run is that nobody killed."""
        return self.folder / f"{self.kind}-0"


@dataclass(slots=True)
class Outcome:
    """What a process of a try left behind: how it ended, and what it wrote and counted."""

    status: int
    errors: str
    counts: dict[str, int] = field(default_factory=dict)


def kill_trainers(trial: Trial) -> None:
    """As many tries at a time as there are lanes, all forked from this process."""
    for module in MODULES:
        importlib.import_module(module)
    gc.freeze()
    tries: list[Try] = []
    num_epochs = trial.sized(2, 3)
    for kind in KINDS:
        whole = Try(kind=kind, number=0, points=(), num_epochs=num_epochs, folder=trial.folder)
        outcome = train(whole, None, is_resumed=False)
        if outcome.status:
            raise RuntimeError(f"{kind} does not train at all: {outcome.errors[-3000:]}")
        tries += make_tries(trial, whole, outcome.counts)
    with multiprocessing.get_context("fork").Pool(NUM_LANES) as lanes:
        for report in lanes.imap(play_one, tries):
            merge(trial.report, report)


def make_tries(trial: Trial, whole: Try, counts: dict[str, int]) -> list[Try]:
    """At every batch, and at some calls of each other place, or at all of them; one in four is killed twice."""
    points: list[Point] = []
    for place, number in sorted(counts.items()):
        calls = range(1, number + 1)
        few = trial.rng.sample(calls, min(number, trial.sized(1, 40)))
        points += [(place, call) for call in (calls if place == "batch" else sorted(few))]
    rest = [place for place in counts if place != "going on"]
    made = []
    for number, point in enumerate(points, 1):
        again = ((trial.rng.choice(["going on", *rest]), 1),) if trial.rng.random() < 0.25 else ()
        made.append(Try(**{**fields(whole), "number": number, "points": (point, *again)}))
    return made


def fields(of: Try) -> dict[str, Any]:
    """Its parts by name."""
    return {"kind": of.kind, "num_epochs": of.num_epochs, "folder": of.folder}


def play_one(each: Try) -> Report:
    """What came of a try; the points after the first may not be reached by what is left to train."""
    report = Report()
    report.count("runs")
    for number, point in enumerate(each.points):
        outcome = train(each, point, is_resumed=number > 0)
        if outcome.status == -signal.SIGKILL:
            report.count(f"kills of {each.kind}")
            report.count(f"kills of {each.kind}: {point[0]}")
        elif number == 0 or outcome.status:
            report.fault("kills that failed", note=f"{each.kind} at {point}: {outcome.status} {outcome.errors[-1500:]}")
            return report
    outcome = train(each, None, is_resumed=True)
    where = f"{each.kind} killed at {each.points}"
    if outcome.status:
        report.fault("runs that could not be resumed", note=f"{where}: {outcome.status} {outcome.errors[-2500:]}")
        return report
    compare(report, each.whole, each.storage, where)
    shutil.rmtree(each.storage)
    return report


def train(each: Try, point: Point | None, *, is_resumed: bool) -> Outcome:
    """A forked process that trains until it has finished or is killed at `point`."""
    errors, counted = each.storage.with_suffix(".err"), each.storage.with_suffix(".json")
    status = run_forked(lambda: train_here(each, point, counted, is_resumed=is_resumed), errors)
    counts = json.loads(counted.read_text()) if counted.exists() else {}
    return Outcome(status=status, errors=errors.read_text(errors="replace"), counts=counts)


def train_here(each: Try, point: Point | None, counted: Path, *, is_resumed: bool) -> None:
    """What that process does."""
    import mlgym_core
    from mlgym_core.checkpoints.folders import LocalFolders
    from mlgym_core.execution import sequential

    strikes, kind = Strikes(point), KINDS[each.kind]
    for how, owner, method, place in kind.places:
        module, _, name = owner.rpartition(".")
        arguments = (place,) if place else ()
        getattr(strikes, how)(getattr(importlib.import_module(module), name), method, *arguments)
    strikes.between_files(each.storage, "files")
    if not each.points or (point and point[0] == "files"):
        # As if both processes were killed at once. The run that nobody kills is written here too, all others are not.
        sequential.FolderProcess = lambda: nullcontext(LocalFolders())
    if is_resumed:
        result = mlgym_core.resume("last", event_storage=each.storage, progress=False)
    else:
        result = mlgym_core.run(grid_of(kind, each.num_epochs), event_storage=each.storage, progress=False)
    if result.status != "finished":
        raise RuntimeError([state.error for state in result.state.experiments.values()])
    if not each.points:
        counted.write_text(json.dumps(strikes.counts))


def run_forked(work: Callable[[], None], errors: Path) -> int:
    """The exit status of a forked process that does `work`; what it writes goes to `errors`."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    status = 1
    try:
        signal.alarm(int(PATIENCE_S))
        target = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for number in (1, 2):
            os.dup2(target, number)
        faulthandler.enable()
        work()
        status = 0
    except BaseException:  # the end of a forked process, which may not go on in the code of who forked it
        os.write(2, traceback.format_exc().encode(errors="backslashreplace"))
    finally:
        os._exit(status)


def merge(into: Report, report: Report) -> None:
    """Adds what one try counted."""
    for what, number in report.counts.items():
        into.count(what, number)
    for what, number in report.faults.items():
        into.fault(what, number)
    into.notes += report.notes[: 20 - len(into.notes)]
