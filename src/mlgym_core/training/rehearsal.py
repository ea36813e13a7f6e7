"""Trying a pipeline on two samples before anything trains, so that a misfit is one clear error.

Owns what is tried. It changes no state of training and publishes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mlgym_core.errors import BuildError, ConfigError, Diagnostic, StoreError
from mlgym_core.registry import Components
from mlgym_core.training.protocols import Evaluator, Trainer
from mlgym_core.training.score_rehearsal import loss_faults, metric_faults

_NUM_SAMPLES = 2
_SLOT_OF_MISFIT = {
    "MG320": "model",
    "MG321": "loss",
    "MG322": "optimizer",
    "MG340": "optimizer",
    "MG342": "optimizer",
    "MG344": "lr_scheduler",
    "MG351": "model",
    "MG352": "model",
    "MG353": "model",
    "MG355": "model",
    "MG356": "model",
}
"""Where to look first when a step fails with that code; where there is no such slot, at the trainer."""
_WATCHING = ("early_stopping", "lr_scheduler", "checkpointing")
"""Slots whose components may watch scores."""


def rehearse(components: Components) -> None:
    """Put two samples through a step on a copy of the model, and perfect outputs through each metric and split.

    Raises:
        BuildError: the model, the loss or the optimizer does not fit.
        ConfigError: losses or metrics do not fit their tasks, or a monitored score does not exist; all at once.
    """
    evaluator: Evaluator = components["evaluator"]
    faults = list(_monitor_faults(components, evaluator))
    try:
        trainer: Trainer = components["trainer"]
        faults += _epoch_faults(components, trainer)
        raw, targets = trainer.rehearse(_NUM_SAMPLES)
        faults += loss_faults(components, evaluator, raw, targets, trainer.output_scale)
        faults += metric_faults(components, evaluator, raw, trainer.output_scale)
    except (BuildError, StoreError) as error:
        slot = _SLOT_OF_MISFIT.get(error.code, "trainer")
        error.place = error.place or components.place(slot) or components.place("trainer")
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


def _epoch_faults(components: Components, trainer: Trainer) -> Iterator[Diagnostic]:
    """Whether there are more epochs than the trainer has any use for, where it says so in `max_epochs`."""
    most, wanted = getattr(trainer, "max_epochs", None), components.config["run"]["epochs"]
    if most is not None and wanted > most:
        yield Diagnostic(
            code="MG350",
            message=f"the estimator is fitted as a whole, in {most} epoch, and `run.epochs` is {wanted}",
            place=components.place("model"),
            hint="run: {epochs: 1}, or an estimator with partial_fit, or a forest or boosting that can grow",
        )


def _monitors(component: Any) -> Sequence[str]:
    """The scores that a component watches: one, several or none."""
    monitor = getattr(component, "monitor", None)
    return getattr(component, "monitors", () if monitor is None else (monitor,))
