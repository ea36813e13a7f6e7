"""Trying a pipeline on two samples before anything trains, so that a misfit is one clear error.

Owns what is tried. It changes no state of training and publishes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from mlgym_core.components.data.loaders import Loader
from mlgym_core.components.metrics import Metric
from mlgym_core.components.outputs import Outputs, Scale
from mlgym_core.errors import BuildError, ConfigError, Diagnostic
from mlgym_core.registry import Components
from mlgym_core.training.protocols import Evaluator, Trainer

_NUM_SAMPLES = 2
_CERTAIN = 10.0
"""A logit of near certainty."""
_SLOT_OF_MISFIT = {
    "MG320": "model",
    "MG321": "loss",
    "MG322": "optimizer",
    "MG340": "optimizer",
    "MG342": "optimizer",
    "MG344": "lr_scheduler",
}
"""Where to look first when a step fails with that code."""
_WATCHING = ("early_stopping", "lr_scheduler")
"""Slots whose components may watch scores."""


def rehearse(components: Components) -> None:
    """Put two samples through a step on a copy of the model, and perfect outputs through each metric and split.

    Raises:
        BuildError: the model, the loss or the optimizer does not fit.
        ConfigError: metrics do not fit their tasks, or a monitored score does not exist; all of them at once.
    """
    evaluator: Evaluator = components["evaluator"]
    faults = list(_monitor_faults(components, evaluator))
    try:
        trainer: Trainer = components["trainer"]
        raw, _ = trainer.rehearse(_NUM_SAMPLES)
        faults += _metric_faults(components, evaluator, raw, trainer.output_scale)
    except BuildError as error:
        slot = _SLOT_OF_MISFIT.get(error.code)
        error.place = error.place or (components.place(slot) if slot else None)
        raise
    if faults:
        raise ConfigError(faults)


def _monitor_faults(components: Components, evaluator: Evaluator) -> Iterator[Diagnostic]:
    watching = [(slot, monitor) for slot in _WATCHING for monitor in _monitors(components.get(slot))]
    for slot, monitor in watching:
        if monitor not in evaluator.score_names:
            yield Diagnostic(
                code="MG332",
                message=f"{slot} monitors '{monitor}', which is no score",
                place=components.place(slot),
                hint=f"there are: {', '.join(evaluator.score_names)}",
            )


def _monitors(component: Any) -> Sequence[str]:
    """The scores that a component watches: one, several or none."""
    monitor = getattr(component, "monitor", None)
    return getattr(component, "monitors", () if monitor is None else (monitor,))


def _metric_faults(components: Components, evaluator: Evaluator, raw: Tensor, scale: Scale) -> Iterator[Diagnostic]:
    """One fault for each metric at most, on the first split that it does not fit."""
    splits = [(split, evaluator.loader(split)) for split in evaluator.splits]
    outputs = [(split, _perfect_outputs(loader, raw, scale)) for split, loader in splits]
    for index, (name, metric) in enumerate(evaluator.metrics.items()):
        for split, perfect in outputs:
            if reason := _misfit(metric, perfect):
                yield Diagnostic(
                    code="MG330",
                    message=f"metric '{name}' does not fit split '{split}', whose task is {perfect.task}: {reason}",
                    place=components.place(f"metrics.{index}"),
                )
                break


def _misfit(metric: Metric, outputs: Outputs) -> str | None:
    """Why the metric cannot score these outputs, in its own words."""
    try:
        metric(outputs)
    except (BuildError, ValueError, TypeError) as error:
        return error.message if isinstance(error, BuildError) else str(error)
    return None


def _perfect_outputs(loader: Loader, raw: Tensor, scale: Scale) -> Outputs:
    """What a model without faults would put out for all of a split's targets, where they are known, shaped as `raw`.

    Outputs of chance would make a metric complain of what no trained model does, such as a class never predicted.
    """
    task, targets = loader.task, loader.known_targets()
    num_outputs = raw.shape[1] if raw.ndim == 2 else 1
    if raw.ndim > 2:
        return Outputs(raw, loader.sample(_NUM_SAMPLES)[1], task, scale)
    if task == "regression":
        targets = loader.sample(_NUM_SAMPLES)[1] if targets is None else targets
        return Outputs(targets.reshape(len(targets), -1), targets, task, scale)
    classes = torch.arange(max(num_outputs, 2)).repeat(2) if targets is None else targets
    num_classes = int(classes.max()) + 1
    if num_classes > max(num_outputs, 2):
        raise BuildError(
            f"the model puts out {num_outputs} values a sample, but there are {num_classes} classes", code="MG320"
        )
    if num_outputs == 1:
        certain = classes.float() if scale == "probabilities" else (classes.float() * 2 - 1) * _CERTAIN
        return Outputs(certain.reshape(-1, *raw.shape[1:]), classes, task, scale)
    rows = torch.nn.functional.one_hot(classes.long(), num_outputs).float()
    return Outputs(rows if scale == "probabilities" else rows * _CERTAIN, classes, task, scale)
