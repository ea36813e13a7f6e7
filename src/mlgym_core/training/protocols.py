"""What the loop asks of those that do the work, so that they may be torch's or anyone's.

Owns the ports of training. A trainer of another library keeps its own model and formats behind them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from mlgym_core.checkpoints.contents import Frozen
from mlgym_core.components.data.loaders import Loader
from mlgym_core.components.evaluator import Predictor, SplitScores
from mlgym_core.components.losses import Loss
from mlgym_core.components.metrics import Metric
from mlgym_core.components.outputs import Scale
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

    @property
    def output_scale(self) -> Scale:
        """What `predict` gives."""
        ...

    def prepare(self, device: torch.device) -> None:
        """Take everything to `device`; called once, before all else."""
        ...

    def train_epoch(self, epoch: int, first_batch: int = 0) -> Iterator[int]:
        """Train a pass over the split from `first_batch` on, and give each batch, counted from 0, when it is done.

        Wherever it gives one, `resources` and `step` hold all that training goes on from; so a trainer that gathers
        gradients over several batches gives the last of them alone.
        """
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

    def resources(self) -> dict[str, Frozen]:
        """All that training goes on from, but for `step`, as files by name; training may go on before they are made."""
        ...

    def load_resources(self, load: Callable[[str], bytes]) -> None:
        """Go on from those files; `load` reads one by name."""
        ...


@runtime_checkable
class Noticing(Protocol):
    """What a trainer or an evaluator may be beside: one that meets things which are no error, but should be known."""

    def take_notices(self) -> list[str]:
        """What happened since it was last asked, a line each."""
        ...


class Evaluator(Protocol):
    """Scores a model on whole splits."""

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that it evaluates, in order."""
        ...

    @property
    def score_names(self) -> list[str]:
        """Every score as `<split>/<name>`."""
        ...

    def loader(self, split: str) -> Loader:
        """The batches of a split."""
        ...

    def losses_on(self, split: str) -> Mapping[str, Loss]:
        """The losses that are computed on a split, by name."""
        ...

    def metrics_on(self, split: str) -> Mapping[str, Metric]:
        """The metrics that are computed on a split, by name."""
        ...

    def num_batches(self, split: str) -> int:
        """Batches of an evaluation of the split."""
        ...

    def to(self, device: torch.device) -> None:
        """Take data to `device`."""
        ...

    def evaluate(self, split: str, predictor: Predictor, report: Report) -> SplitScores:
        """The scores of a split; `report` is told the batch just done, about ten times."""
        ...
