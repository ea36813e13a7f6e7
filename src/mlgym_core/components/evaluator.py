"""Exact scores of a split: one pass without gradients, every loss summed over it, every metric over what it asks for.

Owns the pass and the names of scores. It knows no epoch and publishes nothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isnan
from typing import Annotated, Any, Protocol

import torch
from torch import Tensor, nn

from mlgym_core.components.data.loaders import Loader
from mlgym_core.components.losses import Loss, running_loss
from mlgym_core.components.metrics import Metric, given_of, parts_of
from mlgym_core.components.outputs import Gathering, Given, Outputs, Scale
from mlgym_core.components.progress import Report, is_report_due
from mlgym_core.errors import BuildError
from mlgym_core.registry import Slot, default_registry, register

_UNDEFINED = float("nan")


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
        losses: The loss that is trained on, which is reported too; a trainer that has none needs none.
        further_losses: Losses that are reported beside it.
        splits: The splits to evaluate; all where not given.
        applicable_splits: The splits that a score is computed on, by its name; all of them where it is not named.
    """

    def __init__(
        self,
        loaders: Annotated[Mapping[str, Loader], Slot("loaders")],
        losses: Annotated[Mapping[str, Loss] | None, Slot("loss", by_name=True)] = None,
        metrics: Annotated[Mapping[str, Metric] | None, Slot("metrics", by_name=True)] = None,
        further_losses: Annotated[Mapping[str, Loss] | None, Slot("losses", by_name=True)] = None,
        splits: list[str] | None = None,
        applicable_splits: dict[str, list[str]] | None = None,
    ) -> None:
        self.losses: Mapping[str, Loss] = {**(losses or {}), **(further_losses or {})}
        self.metrics = metrics or {}
        self._loaders = loaders
        self._applicable = applicable_splits or {}
        named = [*(splits or ()), *(each for splits in self._applicable.values() for each in splits)]
        for unknown in (name for name in named if name not in loaders):
            raise BuildError(
                f"the evaluator wants the split '{unknown}'", code="MG315", hint=f"there are: {', '.join(loaders)}"
            )
        for unknown in (name for name in self._applicable if name not in (*self.losses, *self.metrics)):
            known = ", ".join((*self.losses, *self.metrics))
            raise BuildError(f"applicable_splits names the score '{unknown}'", code="MG332", hint=f"there are: {known}")
        self.splits = tuple(loaders if splits is None else splits)
        self._refuse_repeated_names()
        self._noticed: set[tuple[str, str]] = set()
        self._notices: list[str] = []

    @property
    def score_names(self) -> list[str]:
        """Every score as `<split>/<name>`."""
        return [
            f"{split}/{name}" for split in self.splits for name in (*self.losses_on(split), *self._metric_names(split))
        ]

    def loader(self, split: str) -> Loader:
        """The batches of a split."""
        return self._loaders[split]

    def num_batches(self, split: str) -> int:
        """Batches of an evaluation of the split."""
        return self._loaders[split].num_evaluation_batches

    def losses_on(self, split: str) -> dict[str, Loss]:
        """The losses that are computed on a split, by name."""
        return {name: loss for name, loss in self.losses.items() if self._applies(name, split)}

    def metrics_on(self, split: str) -> dict[str, Metric]:
        """The metrics that are computed on a split, by name."""
        return {name: metric for name, metric in self.metrics.items() if self._applies(name, split)}

    def to(self, device: torch.device) -> None:
        """Move data and losses to `device`."""
        for split in self.splits:
            self._loaders[split].to(device)
        for loss in self.losses.values():
            if isinstance(loss, nn.Module):
                loss.to(device)

    def evaluate(self, split: str, predictor: Predictor, report: Report) -> SplitScores:
        """The scores of a split; `report` is told the batches done, about ten times."""
        loader, metrics = self._loaders[split], self.metrics_on(split)
        num_batches = loader.num_evaluation_batches
        losses = {name: running_loss(loss) for name, loss in self.losses_on(split).items()}
        gathering = Gathering(_wanted_by(metrics), loader.task, predictor.output_scale)
        with torch.inference_mode():
            for batch, (inputs, target) in enumerate(loader.evaluation()):
                raw = predictor.predict(inputs)
                for loss in losses.values():
                    loss.add(raw, target)
                gathering.add(raw, target)
                if is_report_due(batch, num_batches):
                    report(batch)
            outputs = gathering.outputs()
            scores = {} if outputs is None else self._score(split, metrics, outputs)
            return SplitScores(losses={name: loss.value() for name, loss in losses.items()}, metrics=scores)

    def take_notices(self) -> list[str]:
        """Why scores are no numbers, or what their metrics warn of: once for each split and metric."""
        taken, self._notices = self._notices, []
        return taken

    def _score(self, split: str, metrics: Mapping[str, Metric], outputs: Outputs) -> dict[str, float]:
        scores: dict[str, float] = {}
        for name, metric in metrics.items():
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                try:
                    found = dict(_named(name, metric(outputs)))
                except ValueError as error:  # scikit-learn's word for what is undefined; it fitted when rehearsed
                    found = dict.fromkeys(score_names_of(name, metric), _UNDEFINED)
                    warnings.warn(str(error), stacklevel=1)
            is_undefined = any(map(isnan, found.values()))
            if (is_undefined or caught) and (split, name) not in self._noticed:
                self._noticed.add((split, name))
                reasons = " ".join(dict.fromkeys(str(each.message) for each in caught)) or "its metric says not why"
                state = "is not defined" if is_undefined else "is doubtful"
                self._notices.append(f"the score {split}/{name} {state}: {reasons}")
            scores |= found
        return scores

    def _applies(self, name: str, split: str) -> bool:
        return split in self._applicable.get(name, (split,))

    def _metric_names(self, split: str) -> Iterator[str]:
        for name, metric in self.metrics_on(split).items():
            yield from score_names_of(name, metric)

    def _refuse_repeated_names(self) -> None:
        names = [
            *self.losses,
            *(each for name, metric in self.metrics.items() for each in score_names_of(name, metric)),
        ]
        repeated = next((name for name in names if names.count(name) > 1), None)
        if repeated is not None:
            raise BuildError(
                f"two scores are named '{repeated}'", code="MG215", hint="give one of them another `name:`"
            )


def score_names_of(name: str, metric: Metric) -> list[str]:
    """The names of the scores of a metric: its own, or one for each of its parts."""
    parts = parts_of(metric)
    return [f"{name}_{part}" for part in parts] if parts else [name]


def _named(name: str, score: float | Mapping[str, float]) -> Iterator[tuple[str, float]]:
    if isinstance(score, Mapping):
        for part, value in score.items():
            yield f"{name}_{part}", float(value)
    else:
        yield name, float(score)


def _wanted_by(metrics: Mapping[str, Metric]) -> set[Given] | None:
    """What the metrics of a split are given; None where one of them does not say it."""
    wanted = {given_of(metric) for metric in metrics.values()}
    return None if None in wanted else {given for given in wanted if given is not None}


default_registry.set_default("evaluator", "full")
