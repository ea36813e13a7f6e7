"""What does a training step cost beside bare PyTorch, Lightning, Fabric and accelerate?

One step of an MLP 64-32-10 on digits, batch 32, one thread. Ours is the trainer that digits_grid.yml describes, its
progress going into a real spool and its checkpoints asked for after each batch, as the loop does; bare are loops of six
lines: over slices with the optimizer implementation that ours takes by default, over slices with torch.optim.Adam as it
comes, and as people write it, with a DataLoader. The others train in processes of their own, on the same batches with
the same optimizer, and log too. All train epochs in turns, in an order drawn anew for each round, so that what slows
the machine down slows all of them.
Usage: python benchmarks/loop.py [--rounds N] [--peers PYTHON]   (`make benchmarks` makes the peers' environment)
"""

import argparse
import random
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import IO, TypeAlias

import torch
from report import describe_ratio, print_table
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from mlgym_core.checkpoints.local import LocalCheckpoints
from mlgym_core.components.data.dataset import Dataset
from mlgym_core.components.progress import is_report_due
from mlgym_core.config.native import load_config
from mlgym_core.config.overrides import apply_overrides
from mlgym_core.config.settings import ResumePoints
from mlgym_core.config.sweeps import expand
from mlgym_core.events.folder import EventStorage, RunFolder
from mlgym_core.events.spool import Publisher, Spool
from mlgym_core.registry import Components, build, default_registry, resolve_points
from mlgym_core.training.checkpoint_keeper import CheckpointKeeper, Subject
from mlgym_core.training.facts import Facts
from mlgym_core.training.seeding import deterministic_kernels, seed_all

HERE = Path(__file__).parent
CONFIG = HERE / "digits_grid.yml"
BATCH_SIZE, LEARNING_RATE = 32, 1e-3
WARM_UP_ROUNDS = 5
PEERS = {"bare there": "bare", "Lightning": "lightning", "Fabric": "fabric", "accelerate": "accelerate"}

TrainEpoch: TypeAlias = Callable[[int], float]
"""Trains the epoch of that number, and tells its seconds."""
Batches: TypeAlias = Callable[[int], Iterable[tuple[Tensor, Tensor]]]


def build_components(overrides: list[str]) -> Components:
    """The components of the grid's experiment with our batch size and learning rate."""
    ours = [f"loaders.batch_size={BATCH_SIZE}", f"optimizer.lr={LEARNING_RATE}", "model.seed=0", *overrides]
    points = expand(apply_overrides(load_config(CONFIG), ours), limit=1)
    (resolved,) = resolve_points(points, default_registry)
    return build(resolved.config, default_registry, seed_all=seed_all)


def make_ours(components: Components, publisher: Publisher, run: RunFolder) -> TrainEpoch:
    """The training part of an epoch as `mlgym_core.training` runs it, its progress published."""
    trainer = components["trainer"]
    trainer.prepare(torch.device("cpu"))
    num_batches = trainer.num_batches
    facts = Facts(publisher, run_id=run.run_id, experiment_id=0, num_epochs=5)
    keeper = CheckpointKeeper(
        LocalCheckpoints(run),
        Subject(
            experiment_id=0,
            trainer=trainer,
            early_stopping=None,
            num_splits=2,
            device=torch.device("cpu"),
            circumstances={},
        ),
        rule=components["checkpointing"],
        goal_of=lambda _: "min",
        resume_points=ResumePoints(),
        facts=facts,
    )

    def train_epoch(epoch: int) -> float:
        start = time.perf_counter()
        report = facts.progress("train", epoch=epoch, splits=["train"], split="train", num_batches=num_batches)
        previous, after_batch = -1, keeper.after_batch
        with deterministic_kernels():
            for batch in trainer.train_epoch(epoch):
                if is_report_due(batch, num_batches, previous):
                    report(batch)
                after_batch(epoch, batch)
                previous = batch
        return time.perf_counter() - start

    return train_epoch


def make_bare(batches: Batches, fused: bool | None) -> TrainEpoch:
    """The loop that one would write."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=fused)

    def train_epoch(epoch: int) -> float:
        start = time.perf_counter()
        for inputs, targets in batches(epoch):
            optimizer.zero_grad()
            loss = criterion(model(inputs), targets)
            loss.backward()
            optimizer.step()
        return time.perf_counter() - start

    return train_epoch


def slices_of(data: Dataset) -> Batches:
    """An epoch is shuffled at once, a batch is a slice of it."""

    def batches(epoch: int) -> Iterable[tuple[Tensor, Tensor]]:
        order = torch.randperm(len(data.inputs), generator=torch.Generator().manual_seed(epoch))
        inputs, targets = data.inputs[order], data.targets[order]
        return zip(torch.split(inputs, BATCH_SIZE), torch.split(targets, BATCH_SIZE), strict=True)

    return batches


def loader_of(data: Dataset) -> Batches:
    """The DataLoader that most people write."""
    loader: DataLoader[tuple[Tensor, ...]] = DataLoader(
        TensorDataset(data.inputs, data.targets), batch_size=BATCH_SIZE, shuffle=True
    )
    return lambda _: loader


@contextmanager
def peer(python: str, name: str, data: Path, fused: bool) -> Iterator[TrainEpoch]:
    """A peer in a process of its own, which trains when it is told to; see training_peers.py."""
    command = [python, str(HERE / "training_peers.py"), name, str(data), str(fused)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def train_epoch(_: int) -> float:
            return float(ask(process.stdin, process.stdout, name))

        try:
            yield train_epoch
        finally:
            if process.stdin is not None:
                process.stdin.close()


def ask(stdin: IO[str] | None, stdout: IO[str] | None, name: str) -> str:
    """The answer of a peer to a line; what its libraries print beside is passed over."""
    if stdin is None or stdout is None:
        raise SystemExit(f"{name} cannot be spoken to")
    stdin.write("\n")
    stdin.flush()
    for line in stdout:
        if line[0].isdigit():
            return line
    raise SystemExit(f"{name} failed; are the peers installed? make benchmarks does that")


def time_in_turns(loops: dict[str, TrainEpoch], rounds: int) -> dict[str, list[float]]:
    """Seconds of each epoch by loop, without those of the first rounds."""
    times: dict[str, list[float]] = {name: [] for name in loops}
    for epoch in range(WARM_UP_ROUNDS + rounds):
        for name in random.sample(list(loops), len(loops)):
            times[name].append(loops[name](epoch))
    return {name: each[WARM_UP_ROUNDS:] for name, each in times.items()}


def print_ratios(title: str, times: dict[str, list[float]], rows: list[tuple[str, str, str]], num_steps: int) -> None:
    """A table of loops, each beside another one."""
    print_table(
        title,
        ("", "us a step", "beside", "us a step", "ratio, median (quartiles)", "goal"),
        [
            (
                name,
                f"{median(times[name]) / num_steps * 1e6:.0f}",
                other,
                f"{median(times[other]) / num_steps * 1e6:.0f}",
                describe_ratio(times[name], times[other]),
                goal,
            )
            for name, other, goal in rows
        ],
    )


def main() -> None:
    """Measures and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--peers", help="the Python of an environment with lightning and accelerate")
    options = parser.parse_args()
    torch.set_num_threads(1)

    default, plain = build_components([]), build_components(["optimizer.fused=false"])
    fused = default.config["optimizer"]["fused"]
    data = default["splits"]["train"]
    num_steps = default["trainer"].num_batches
    with tempfile.TemporaryDirectory() as folder:
        run = EventStorage(Path(folder)).create_run()
        spool = Spool(run)
        loops = {
            "ours": make_ours(default, spool, run),
            "ours, Adam's defaults": make_ours(plain, spool, run),
            "bare, same optimizer": make_bare(slices_of(data), fused),
            "bare, Adam's defaults": make_bare(slices_of(data), None),
            "bare, DataLoader": make_bare(loader_of(data), None),
        }
        with ExitStack() as stack:
            if options.peers:
                samples = Path(folder) / "samples.pt"
                torch.save([data.inputs, data.targets], samples)
                for title, name in PEERS.items():
                    loops[title] = stack.enter_context(peer(options.peers, name, samples, fused))
            times = time_in_turns(loops, options.rounds)
        spool.close()

    rows = [
        ("ours", "bare, same optimizer", "1.05"),
        ("ours", "bare, Adam's defaults", "0.80"),
        ("ours", "bare, DataLoader", "faster"),
        ("ours, Adam's defaults", "bare, Adam's defaults", "1.05"),
    ]
    circumstances = f"{options.rounds} epochs of {num_steps} steps; ours resolved to fused={fused}"
    print_ratios(f"One training step, {circumstances}", times, rows, num_steps)
    if options.peers:
        others = [(title, "bare there", "-") for title in ("ours", *PEERS) if title != "bare there"]
        print_ratios("The same step by others, in processes of their own", times, others, num_steps)


if __name__ == "__main__":
    main()
