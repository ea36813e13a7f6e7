"""Exact scores of a split: one pass without gradients, then every loss and metric over all of its outputs.

Owns the pass and the names of scores. It knows no epoch and publishes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import torch
from torch import Tensor, nn

from mlgym_core.components.data.loaders import Loader
from mlgym_core.components.losses import Loss
from mlgym_core.components.metrics import Metric
from mlgym_core.components.outputs import Outputs, Scale
from mlgym_core.components.progress import Report, is_report_due
from mlgym_core.errors import BuildError
from mlgym_core.registry import Slot, default_registry, register


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitScores:
    """The scores of one split by name; not a number where there is none."""

    metrics: Mapping[str, float]
    losses: Mapping[str, float]


class Predictor(Protocol):
    """What an evaluation asks of a trainer."""

    @property
    def output_scale(self) -> Scale:
        """What `predict` gives."""
        ...

    def predict(self, inputs: Any) -> Tensor:
        """Raw outputs [N, ...] for a batch of inputs."""
        ...


@register("evaluator", "full")
class FullEvaluator:
    """Scores over whole splits, which do not depend on how they are batched.

    Args:
        splits: The splits to evaluate; all where not given.
    """

    def __init__(
        self,
        loaders: Annotated[Mapping[str, Loader], Slot("loaders")],
        losses: Annotated[Mapping[str, Loss], Slot("loss", by_name=True)],
        metrics: Annotated[Mapping[str, Metric] | None, Slot("metrics", by_name=True)] = None,
        splits: list[str] | None = None,
    ) -> None:
        unknown = [name for name in splits or () if name not in loaders]
        if unknown:
            raise BuildError(
                f"the evaluator wants the split '{unknown[0]}'", code="MG315", hint=f"there are: {', '.join(loaders)}"
            )
        self.splits = tuple(loaders if splits is None else splits)
        self.losses = losses
        self.metrics = metrics or {}
        self._loaders = loaders

    @property
    def score_names(self) -> list[str]:
        """Every score as `<split>/<name>`."""
        return [f"{split}/{name}" for split in self.splits for name in (*self.losses, *self.metrics)]

    def loader(self, split: str) -> Loader:
        """The batches of a split."""
        return self._loaders[split]

    def num_batches(self, split: str) -> int:
        """Batches of an evaluation of the split."""
        return self._loaders[split].num_evaluation_batches

    def to(self, device: torch.device) -> None:
        """Move data and losses to `device`."""
        for split in self.splits:
            self._loaders[split].to(device)
        for loss in self.losses.values():
            if isinstance(loss, nn.Module):
                loss.to(device)

    def evaluate(self, split: str, predictor: Predictor, report: Report) -> SplitScores:
        """The scores of a split; `report` is told the batches done, about ten times."""
        loader = self._loaders[split]
        num_batches = loader.num_evaluation_batches
        raw, targets = [], []
        with torch.inference_mode():
            for batch, (inputs, target) in enumerate(loader.evaluation()):
                raw.append(predictor.predict(inputs))
                targets.append(target)
                if is_report_due(batch, num_batches):
                    report(batch)
            return self.score(Outputs(torch.cat(raw), torch.cat(targets), loader.task, predictor.output_scale))

    def score(self, outputs: Outputs) -> SplitScores:
        """Every loss and metric of the outputs of a split."""
        return SplitScores(
            losses={name: float(loss(outputs.raw, outputs.target)) for name, loss in self.losses.items()},
            metrics={name: float(metric(outputs)) for name, metric in self.metrics.items()},
        )


default_registry.set_default("evaluator", "full")
