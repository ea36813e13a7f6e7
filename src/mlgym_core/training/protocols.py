"""What the loop asks of those that do the work, so that they may be torch's or anyone's.

Owns the ports of training. A trainer of another library keeps its own model and formats behind them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from mlgym_core.components.data.loaders import Loader
from mlgym_core.components.evaluator import SplitScores
from mlgym_core.components.metrics import Metric
from mlgym_core.components.outputs import Outputs, Scale
from mlgym_core.components.progress import Report


class Trainer(Protocol):
    """Changes a model, an epoch at a time. The file of the model among its resources is called `model.*`."""

    split: str
    """The split that it trains on."""
    step: int
    """The optimizer's steps taken so far."""

    @property
    def num_batches(self) -> int:
        """Batches of an epoch."""
        ...

    def prepare(self, device: torch.device) -> None:
        """Take everything to `device`; called once, before all else."""
        ...

    def train_epoch(self, epoch: int, report: Report) -> None:
        """One pass over the split; `report` is told the batch just done, about ten times."""
        ...

    def finish_epoch(self, scores: Mapping[str, float]) -> None:
        """Take note of the scores after the epoch, by `<split>/<name>`."""
        ...

    def predict(self, inputs: Any) -> Tensor:
        """Raw outputs [N, ...] for a batch of inputs; the model does not change."""
        ...

    def rehearse(self, num_samples: int) -> tuple[Tensor, Tensor]:
        """Raw outputs and targets of one step on the first samples; nothing changes. Raises BuildError at a misfit."""
        ...

    def resources(self) -> dict[str, bytes]:
        """All that training goes on from, but for `step`, as files by name."""
        ...

    def load_resources(self, load: Callable[[str], bytes]) -> None:
        """Go on from those files; `load` reads one by name."""
        ...


class Evaluator(Protocol):
    """Scores a model on whole splits."""

    metrics: Mapping[str, Metric]

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that it evaluates, in order."""
        ...

    @property
    def score_names(self) -> list[str]:
        """Every score as `<split>/<name>`."""
        ...

    @property
    def scale(self) -> Scale:
        """What the model's raw outputs are."""
        ...

    def loader(self, split: str) -> Loader:
        """The batches of a split."""
        ...

    def num_batches(self, split: str) -> int:
        """Batches of an evaluation of the split."""
        ...

    def to(self, device: torch.device) -> None:
        """Take data to `device`."""
        ...

    def evaluate(self, split: str, predict: Callable[[Any], Tensor], report: Report) -> SplitScores:
        """The scores of a split; `report` is told the batch just done, about ten times."""
        ...

    def score(self, outputs: Outputs) -> SplitScores:
        """Every loss and metric of the outputs of a split."""
        ...
