"""One step of digits as a peer trains it, as loop.py starts it in the peers' environment: one process for each peer.

Every peer gets the same batches, already shuffled, the same optimizer, and logs the loss every fifth step, as often as
our trainer tells of its progress. A line on standard input is an epoch to train; the answer is its seconds.
Usage: python benchmarks/training_peers.py (bare | lightning | fabric | accelerate) DATA FUSED
"""

import json
import logging
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

BATCH_SIZE, LEARNING_RATE = 32, 1e-3
LOG_EVERY = 5
FOREVER = 10**6


class ShuffledBatches:
    """The batches of an epoch, which is shuffled at once."""

    def __init__(self, inputs: Tensor, targets: Tensor) -> None:
        self._inputs, self._targets = inputs, targets
        self._epoch = 0

    def __len__(self) -> int:
        return -(-len(self._inputs) // BATCH_SIZE)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.randperm(len(self._inputs), generator=torch.Generator().manual_seed(self._epoch))
        self._epoch += 1
        inputs, targets = self._inputs[order], self._targets[order]
        return iter(zip(torch.split(inputs, BATCH_SIZE), torch.split(targets, BATCH_SIZE), strict=True))


def make_model() -> nn.Module:
    """The network that all train."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def wait() -> None:
    """Returns when an epoch is wanted; ends the process when nothing more is."""
    if not sys.stdin.readline():
        sys.exit()


def answer(seconds: float) -> None:
    """Tells how long an epoch took."""
    print(seconds, flush=True)


def serve(train_epoch: Callable[[], None]) -> None:
    """Trains an epoch for each line, for those whose loop is the user's."""
    while True:
        wait()
        start = time.perf_counter()
        train_epoch()
        answer(time.perf_counter() - start)


def run_bare(batches: ShuffledBatches, fused: bool, _: Path) -> None:
    """The loop by hand, which logs nothing: the same as in loop.py, to see that the two environments are alike."""
    model, criterion = make_model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=fused)

    def train_epoch() -> None:
        for inputs, targets in batches:
            optimizer.zero_grad()
            criterion(model(inputs), targets).backward()
            optimizer.step()

    serve(train_epoch)


def run_lightning(batches: ShuffledBatches, fused: bool, folder: Path) -> None:
    """Lightning's Trainer, held at the beginning of each epoch."""
    import lightning
    from lightning.pytorch.loggers import CSVLogger

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model, self.criterion = make_model(), nn.CrossEntropyLoss()

        def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
            loss: Tensor = self.criterion(self.model(batch[0]), batch[1])
            self.log("loss", loss)
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=LEARNING_RATE, fused=fused)

    class InTurns(lightning.Callback):
        start = 0.0

        def on_train_epoch_start(self, *_: Any) -> None:
            wait()
            self.start = time.perf_counter()

        def on_train_epoch_end(self, *_: Any) -> None:
            answer(time.perf_counter() - self.start)

    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=FOREVER,
        logger=CSVLogger(folder),
        log_every_n_steps=LOG_EVERY,
        callbacks=[InTurns()],
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    trainer.fit(Module(), batches)


def run_fabric(batches: ShuffledBatches, fused: bool, folder: Path) -> None:
    """A loop by hand with Lightning Fabric."""
    from lightning.fabric import Fabric
    from lightning.fabric.loggers import CSVLogger

    fabric = Fabric(accelerator="cpu", devices=1, loggers=CSVLogger(folder))
    fabric.launch()
    model, criterion = make_model(), nn.CrossEntropyLoss()
    model, optimizer = fabric.setup(model, torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=fused))
    step = 0

    def train_epoch() -> None:
        nonlocal step
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = criterion(model(inputs), targets)
            fabric.backward(loss)
            optimizer.step()
            step += 1
            if step % LOG_EVERY == 0:
                fabric.log("loss", loss, step=step)

    serve(train_epoch)


def run_accelerate(batches: ShuffledBatches, fused: bool, folder: Path) -> None:
    """A loop by hand with accelerate, whose tracker appends lines to a file."""
    from accelerate import Accelerator
    from accelerate.tracking import GeneralTracker

    class Lines(GeneralTracker):
        name, requires_logging_directory = "lines", False

        def __init__(self) -> None:
            super().__init__()
            self._file = (folder / "log.jsonl").open("a", buffering=1)

        @property
        def tracker(self) -> Any:
            return self._file

        def log(self, values: dict[str, float], step: int | None = None, **_: Any) -> None:
            self._file.write(json.dumps({"step": step, **values}) + "\n")

    accelerator = Accelerator(cpu=True, log_with=Lines())
    accelerator.init_trackers("digits")
    model, criterion = make_model(), nn.CrossEntropyLoss()
    model, optimizer = accelerator.prepare(model, torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=fused))
    step = 0

    def train_epoch() -> None:
        nonlocal step
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = criterion(model(inputs), targets)
            accelerator.backward(loss)
            optimizer.step()
            step += 1
            if step % LOG_EVERY == 0:
                accelerator.log({"loss": loss.item()}, step=step)

    serve(train_epoch)


RUNS = {"bare": run_bare, "lightning": run_lightning, "fabric": run_fabric, "accelerate": run_accelerate}


def main() -> None:
    """Trains as the peer that was asked for."""
    peer, data, fused = sys.argv[1:]
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    batches = ShuffledBatches(*torch.load(data, weights_only=True))
    with tempfile.TemporaryDirectory() as folder:
        RUNS[peer](batches, fused == "True", Path(folder))


if __name__ == "__main__":
    main()
