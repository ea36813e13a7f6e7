"""What does a checkpoint of each epoch cost training? An MLP of 11.8 million parameters with Adam, and that of digits.

Ways to save: ours (state copied, then hashed, written and synced while training goes on), ours where nothing is synced;
`torch.save` in the loop, synced and not; and the least that an exact checkpoint can cost: a copy of the state alone,
and the same bytes, made before, that another process writes and syncs. Epochs of one way take turns with epochs without
a checkpoint, in an order drawn anew, and then the next way has its turn: side by side, one would pay at its sync for
what another left to be written. Each epoch begins with its checkpoint and ends when that is complete.
Usage: python benchmarks/checkpoint.py [--rounds N] [--seconds S] [--threads N] [--model large|digits]
"""

import argparse
import itertools
import math
import os
import random
import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import torch
from report import describe_ratio, print_table

from mlgym_core.checkpoints.answers import Answer
from mlgym_core.checkpoints.contents import Ready
from mlgym_core.checkpoints.folder_process import FolderProcess
from mlgym_core.checkpoints.folders import Folder
from mlgym_core.checkpoints.local import LocalCheckpoints
from mlgym_core.checkpoints.serialize import load_state
from mlgym_core.components.checkpointing import LastEpoch
from mlgym_core.components.data.dataset import Dataset
from mlgym_core.config import nodes
from mlgym_core.config.nodes import from_plain
from mlgym_core.config.settings import ResumePoints
from mlgym_core.errors import Place
from mlgym_core.events.durability import Durability
from mlgym_core.events.folder import EventStorage
from mlgym_core.events.spool import Spool
from mlgym_core.registry import Components, build, default_registry, resolve
from mlgym_core.training.checkpoint_keeper import CheckpointKeeper, Subject
from mlgym_core.training.facts import Facts
from mlgym_core.training.seeding import deterministic_kernels, seed_all

DURABILITIES: tuple[Durability, Durability] = ("synced", "written")
LARGE, DIGITS = [1024, 2560, 2560, 1024], [64, 32, 10]
LARGE_WAYS = ("ours", "torch.save", "copy alone")
"""An epoch of the large model takes long."""
WARM_UP_PAIRS = 1


@dataclass
class Times:
    """Seconds of epochs with a checkpoint and of those beside them without, and for how many training stood still."""

    epochs: list[float] = field(default_factory=list)
    without: list[float] = field(default_factory=list)
    held: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Way:
    """A way to save: what the loop does before an epoch, after each batch of it, and what it waits for in the end."""

    save: Callable[[int], object]
    after_batch: Callable[[int, int], object] = lambda _epoch, _batch: None
    settle: Callable[[], object] = lambda: None


NONE = Way(lambda _epoch: None)


def build_components(sizes: list[int], num_samples: int, batch_size: int) -> Components:
    """An MLP of those sizes on noise, trained with Adam."""
    registry = default_registry.child()

    @registry.register("splits", "noise")
    def noise() -> dict[str, Dataset]:
        generator = torch.Generator().manual_seed(0)
        inputs = torch.randn(num_samples, sizes[0], generator=generator)
        targets = torch.randint(sizes[-1], (num_samples,), generator=generator)
        return {"train": Dataset(inputs=inputs, targets=targets, task="multiclass")}

    config = {
        "run": {"epochs": 1, "seed": 0},
        "splits": "noise",
        "loaders": {"splits": {"train": "$splits.train"}, "batch_size": batch_size},
        "model": {"use": "mlp", "sizes": sizes},
        "optimizer": {"use": "adam", "lr": 1e-3},
        "loss": "cross_entropy",
    }
    tree = from_plain(config, Place(file=__file__, line=1, column=1))
    assert isinstance(tree, nodes.Mapping)
    resolved = resolve(tree, registry)
    components = build(resolved.config, registry, seed_all=seed_all, places=resolved.places)
    components["trainer"].prepare(torch.device("cpu"))
    return components


def make_ways(
    components: Components, synced: CheckpointKeeper, written: CheckpointKeeper, process: FolderProcess, folder: Path
) -> dict[str, Way]:
    """Ours, what people write, and what no exact checkpoint can do without."""
    path = folder / "peer.pt"
    optimizer = load_state(components["trainer"].resources()["optimizer.safetensors"]())
    state = {"model": components["model"].state_dict(), "optimizer": optimizer}
    tensors = [*state["model"].values(), *(each for of in optimizer["state"].values() for each in of.values())]
    copies = [torch.zeros_like(each) for each in tensors]

    def save_with_torch(_epoch: int) -> None:
        torch.save(state, path)

    def save_and_sync(_epoch: int) -> None:
        with path.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())

    def copy(_epoch: int) -> None:
        for target, tensor in zip(copies, tensors, strict=True):
            target.copy_(tensor)

    files = {name: Ready(bytes(make())) for name, make in components["trainer"].resources().items()}
    saved: list[Answer[Folder]] = []

    def begin_to_write(epoch: int) -> None:
        saved.append(process.save(folder / str(epoch), files, "synced"))
        process.remove(folder / str(epoch - 2))

    return {
        "ours": way_of(synced),
        "ours, not synced": way_of(written),
        "torch.save and fsync": Way(save_and_sync),
        "torch.save": Way(save_with_torch),
        "copy alone": Way(copy),
        "writing and syncing alone": Way(begin_to_write, settle=lambda: saved.pop().result()),
    }


def way_of(keeper: CheckpointKeeper) -> Way:
    """Ours, as the loop does it."""
    return Way(
        lambda epoch: keeper.after_epoch(epoch, {}, gave_up=False, ends=False), keeper.after_batch, keeper.settle
    )


def time_in_turns(components: Components, ways: Mapping[str, Way], rounds: int, pairs: int) -> dict[str, Times]:
    """The times of each way: in each round it has some pairs of epochs, of which the first does not count."""
    times = {name: Times() for name in ways}
    epochs = itertools.count()
    for _ in range(rounds):
        for name in random.sample(list(ways), len(ways)):
            for number in range(WARM_UP_PAIRS + pairs):
                pair = [NONE, ways[name]]
                seconds = {each: time_epoch(components, each, next(epochs)) for each in random.sample(pair, len(pair))}
                if number >= WARM_UP_PAIRS:
                    with_it, held = seconds[ways[name]]
                    times[name].epochs.append(with_it)
                    times[name].without.append(seconds[NONE][0])
                    times[name].held.append(held)
    return times


def time_epoch(components: Components, way: Way, epoch: int) -> tuple[float, float]:
    """Seconds of an epoch and its checkpoint, and for how many of them training stood still."""
    start = time.perf_counter()
    way.save(epoch)
    saved = time.perf_counter()
    for batch in components["trainer"].train_epoch(epoch):
        way.after_batch(epoch, batch)
    trained = time.perf_counter()
    way.settle()
    end = time.perf_counter()
    return end - start, saved - start + end - trained


def open_keeper(
    components: Components, folder: Path, durability: Durability, process: FolderProcess
) -> CheckpointKeeper:
    """The keeper of a run in `folder`, whose facts go into a spool."""
    run = EventStorage(folder).create_run()
    subject = Subject(
        experiment_id=0,
        trainer=components["trainer"],
        early_stopping=None,
        num_splits=1,
        device=torch.device("cpu"),
        circumstances={},
    )
    return CheckpointKeeper(
        LocalCheckpoints(run, durability, process),
        subject,
        rule=LastEpoch(),
        goal_of=lambda _: "max",
        resume_points=ResumePoints(),
        facts=Facts(Spool(run), run_id=run.run_id, experiment_id=0, num_epochs=1),
    )


def measure(components: Components, rounds: int, pairs: int, names: Collection[str] = ()) -> dict[str, Times]:
    """The times of each way to save `components`, or of those with these names."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with FolderProcess() as process, deterministic_kernels(), ExitStack() as opened:
            synced, written = (
                opened.enter_context(open_keeper(components, folder / each, each, process)) for each in DURABILITIES
            )
            for _ in components["trainer"].train_epoch(0):  # the optimizer has its state from the first step on
                pass
            ways = make_ways(components, synced, written, process, folder)
            return time_in_turns(components, {name: ways[name] for name in names or ways}, rounds, pairs)


def num_batches_of(seconds: float, batch_size: int) -> int:
    """How many steps of the large model take that long at least."""
    trainer = build_components(LARGE, 5 * batch_size, batch_size)["trainer"]
    with deterministic_kernels():
        ends = [time.perf_counter() for _ in trainer.train_epoch(0)]
    return math.ceil(seconds / min(b - a for a, b in itertools.pairwise(ends)))


def main() -> None:
    """Measures and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=11.0, help="of an epoch of the large model, at least")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--model", choices=("large", "digits"), default=None, help="this one alone")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.model != "digits":
        show_large(options)
    if options.model != "large":
        show_digits(options)


def show_large(options: argparse.Namespace) -> None:
    """The table of the large model."""
    batch_size = 64
    large = build_components(LARGE, num_batches_of(options.seconds, batch_size) * batch_size, batch_size)
    num_parameters = sum(each.numel() for each in large["model"].parameters())
    pairs = 4
    times = measure(large, options.rounds, pairs, LARGE_WAYS)
    print_table(
        f"A checkpoint each epoch, {num_parameters / 1e6:.1f} million parameters, {options.threads} threads, "
        f"{options.rounds} rounds of {pairs} pairs",
        ("", "epoch, s", "without, s", "training stood still, ms", "ratio, median (quartiles)", "goal"),
        [
            (
                name,
                f"{median(each.epochs):.2f}",
                f"{median(each.without):.2f}",
                f"{median(each.held) * 1e3:.0f}",
                describe_ratio(each.epochs, each.without),
                "1.03" if name == "ours" else "",
            )
            for name, each in times.items()
        ],
    )


def show_digits(options: argparse.Namespace) -> None:
    """The table of the model of digits."""
    small = build_components(DIGITS, 1438, 32)
    pairs = 60
    times = measure(small, options.rounds, pairs)
    print_table(
        f"A checkpoint each epoch, the model of digits, {options.rounds} rounds of {pairs} pairs",
        ("", "epoch, ms", "without, ms", "training stood still, ms", "cost of a checkpoint, ms", "goal"),
        [
            (
                name,
                f"{median(each.epochs) * 1e3:.1f}",
                f"{median(each.without) * 1e3:.1f}",
                f"{median(each.held) * 1e3:.2f}",
                f"{median(a - b for a, b in zip(each.epochs, each.without, strict=True)) * 1e3:.2f}",
                "2" if name == "ours" else "",
            )
            for name, each in times.items()
        ],
    )


if __name__ == "__main__":
    main()
