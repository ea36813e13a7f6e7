"""What does a training step cost beside bare PyTorch? One step of an MLP 64-32-10 on digits, batch 32, one thread.

Ours is the trainer that digits_grid.yml describes, with its progress going into a real spool; the peers are a loop of
six lines, once with torch.optim.Adam as it comes and once with the implementation that ours takes by default. They
train epochs in turns, in an order drawn anew for each round, so that what slows the machine down slows all of them.
Usage: python benchmarks/loop.py [--rounds N]
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TypeAlias

import torch
from report import describe_ratio, print_table
from torch import nn

from mlgym_core.components.data.dataset import Dataset
from mlgym_core.components.progress import is_report_due
from mlgym_core.config.native import load_config
from mlgym_core.config.overrides import apply_overrides
from mlgym_core.config.sweeps import expand
from mlgym_core.events.folder import EventStorage
from mlgym_core.events.spool import Publisher, Spool
from mlgym_core.registry import Components, build, default_registry, resolve_points
from mlgym_core.training.facts import Facts
from mlgym_core.training.seeding import deterministic_kernels, seed_all

CONFIG = Path(__file__).parent / "digits_grid.yml"
BATCH_SIZE, LEARNING_RATE = 32, 1e-3
WARM_UP_ROUNDS = 5

TrainEpoch: TypeAlias = Callable[[int], object]
"""Trains the epoch of that number."""


def build_components(overrides: list[str]) -> Components:
    """The components of the grid's experiment with our batch size and learning rate."""
    ours = [f"loaders.batch_size={BATCH_SIZE}", f"optimizer.lr={LEARNING_RATE}", "model.seed=0", *overrides]
    points = expand(apply_overrides(load_config(CONFIG), ours), limit=1)
    (resolved,) = resolve_points(points, default_registry)
    return build(resolved.config, default_registry, seed_all=seed_all)


def make_ours(components: Components, publisher: Publisher, run_id: str) -> TrainEpoch:
    """The training part of an epoch as `mlgym_core.training` runs it, its progress published."""
    trainer = components["trainer"]
    trainer.prepare(torch.device("cpu"))
    facts = Facts(publisher, run_id=run_id, experiment_id=0, num_epochs=5)

    def train_epoch(epoch: int) -> None:
        report = facts.progress("train", epoch=epoch, splits=["train"], split="train", num_batches=trainer.num_batches)
        with deterministic_kernels():
            for batch in trainer.train_epoch(epoch):
                if is_report_due(batch, trainer.num_batches):
                    report(batch)

    return train_epoch


def make_bare(data: Dataset, fused: bool | None) -> TrainEpoch:
    """The loop that one would write: an epoch is shuffled at once, a batch is a slice of it."""
    inputs, targets = data.inputs, data.targets
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=fused)

    def train_epoch(epoch: int) -> None:
        order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(epoch))
        shuffled = zip(torch.split(inputs[order], BATCH_SIZE), torch.split(targets[order], BATCH_SIZE), strict=True)
        for batch_inputs, batch_targets in shuffled:
            optimizer.zero_grad()
            loss = criterion(model(batch_inputs), batch_targets)
            loss.backward()
            optimizer.step()

    return train_epoch


def time_in_turns(loops: dict[str, TrainEpoch], rounds: int) -> dict[str, list[float]]:
    """Seconds of each epoch by loop, without those of the first rounds."""
    times: dict[str, list[float]] = {name: [] for name in loops}
    for epoch in range(WARM_UP_ROUNDS + rounds):
        for name in random.sample(list(loops), len(loops)):
            start = time.perf_counter()
            loops[name](epoch)
            times[name].append(time.perf_counter() - start)
    return {name: each[WARM_UP_ROUNDS:] for name, each in times.items()}


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=300)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)

    default, plain = build_components([]), build_components(["optimizer.fused=false"])
    fused = default.config["optimizer"]["fused"]
    data = default["splits"]["train"]
    num_steps = default["trainer"].num_batches
    with tempfile.TemporaryDirectory() as folder:
        run = EventStorage(Path(folder)).create_run()
        spool = Spool(run)
        times = time_in_turns(
            {
                "ours": make_ours(default, spool, run.run_id),
                "ours, Adam's defaults": make_ours(plain, spool, run.run_id),
                "bare, same optimizer": make_bare(data, fused),
                "bare, Adam's defaults": make_bare(data, None),
            },
            rounds,
        )
        spool.close()

    rows = [
        ("by default", "ours", "bare, Adam's defaults", "0.80"),
        ("same optimizer implementation", "ours", "bare, same optimizer", "1.05"),
        ("both with Adam's defaults", "ours, Adam's defaults", "bare, Adam's defaults", "1.05"),
    ]
    print_table(
        f"One training step, {rounds} epochs of {num_steps} steps; ours resolved to fused={fused}",
        ("", "ours, us a step", "bare, us a step", "ratio, median (quartiles)", "goal"),
        [
            (name, *(f"{median(times[each]) / num_steps * 1e6:.0f}" for each in (ours, bare)),
             describe_ratio(times[ours], times[bare]), goal)
            for name, ours, bare, goal in rows
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main()
