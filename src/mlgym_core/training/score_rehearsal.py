"""Whether losses and metrics fit a split, tried on what a model without faults would put out for it.

Owns what is tried and how a misfit is told. It knows no trainer: what a model puts out, it is told.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from mlgym_core.components.data.dataset import Task, class_indices
from mlgym_core.components.data.loaders import Loader
from mlgym_core.components.losses import Loss
from mlgym_core.components.metrics import Metric
from mlgym_core.components.outputs import Outputs, Scale
from mlgym_core.errors import BuildError, Diagnostic
from mlgym_core.registry import Components
from mlgym_core.training.protocols import Evaluator

_CERTAIN = 10.0
"""A logit of near certainty."""
_NUM_SAMPLES = 2
_NAMES: dict[Scale, str] = {
    "logits": "logits",
    "probabilities": "probabilities",
    "decision": "values of a decision function",
    "labels": "labels",
    "values": "numbers",
}
_WANT_LOGITS = (nn.CrossEntropyLoss, nn.BCEWithLogitsLoss, nn.MultiLabelSoftMarginLoss)


def loss_faults(
    components: Components, evaluator: Evaluator, raw: Tensor, targets: Tensor, scale: Scale
) -> Iterator[Diagnostic]:
    """One fault for each loss that cannot compare the outputs `raw` of a few samples with their targets."""
    places = {each["name"]: f"losses.{index}" for index, each in enumerate(components.config.get("losses", ()))}
    losses = {name: loss for split in evaluator.splits for name, loss in evaluator.losses_on(split).items()}
    for name, loss in losses.items():
        place = components.place(places.get(name, "loss"))
        if scale != "logits" and _wants_logits(loss):
            yield Diagnostic(
                code="MG373",
                message=f"loss '{name}' compares logits, and {_title_of_model(components)} gives {_NAMES[scale]}",
                place=place,
                hint="a metric such as log_loss or brier instead",
            )
        elif reason := _loss_misfit(loss, raw, targets):
            yield Diagnostic(code="MG321", message=f"loss '{name}' does not fit: {reason}", place=place)


def metric_faults(components: Components, evaluator: Evaluator, raw: Tensor, scale: Scale) -> Iterator[Diagnostic]:
    """One fault for each metric at most, on the first split that it does not fit."""
    perfect = {split: _perfect_outputs(evaluator.loader(split), raw, scale) for split in evaluator.splits}
    metrics = {split: evaluator.metrics_on(split) for split in evaluator.splits}
    for index, name in enumerate(dict.fromkeys(name for each in metrics.values() for name in each)):
        for split in (each for each in evaluator.splits if name in metrics[each]):
            if error := _metric_misfit(metrics[split][name], perfect[split], raw):
                yield _metric_fault(components, name, index, split, perfect[split], error)
                break


def _metric_fault(
    components: Components, name: str, index: int, split: str, outputs: Outputs, error: Exception
) -> Diagnostic:
    places = [each["name"] for each in components.config.get("metrics", ())]
    place = components.place(f"metrics.{places.index(name) if name in places else index}")
    if isinstance(error, BuildError) and error.code == "MG370":
        return Diagnostic(
            code="MG370",
            message=f"metric '{name}' needs probabilities, and {_title_of_model(components)} gives "
            f"{_NAMES[outputs.scale]} alone",
            place=place,
            hint="a model that has predict_proba, perhaps this one in a calibrated_classifier_cv, or a metric that is "
            "given labels",
        )
    reason = error.message if isinstance(error, BuildError) else str(error)
    return Diagnostic(
        code="MG330",
        message=f"metric '{name}' does not fit split '{split}', whose task is {outputs.task}: {reason}",
        place=place,
    )


def _metric_misfit(metric: Metric, outputs: Outputs, raw: Tensor) -> Exception | None:
    """Why the metric cannot score these outputs, in its own words.

    One that can score others of all classes is not defined for the classes of this split, which is no misfit.
    """
    error = _attempt(metric, outputs)
    if isinstance(error, ValueError) and outputs.task != "regression":
        num_classes = max(_num_outputs(raw), int(outputs.targets.max()) + 1, 2)
        others = _certain(torch.arange(num_classes).repeat(2), outputs.task, raw, outputs.scale)
        error = error if _attempt(metric, others) else None
    return error


def _attempt(metric: Metric, outputs: Outputs) -> Exception | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is not defined for a split, the evaluation tells
        try:
            metric(outputs)
        except (BuildError, ValueError, TypeError) as error:
            return error
    return None


def _loss_misfit(loss: Loss, raw: Tensor, targets: Tensor) -> str | None:
    try:
        loss(raw, targets)
    except (BuildError, RuntimeError, ValueError, TypeError, IndexError) as error:
        return error.message if isinstance(error, BuildError) else str(error)
    return None


def _wants_logits(loss: Loss) -> bool:
    return isinstance(loss, nn.Module) and any(isinstance(each, _WANT_LOGITS) for each in loss.modules())


def _title_of_model(components: Components) -> str:
    return type(components["model"]).__name__ if "model" in components else "the model"


def _perfect_outputs(loader: Loader, raw: Tensor, scale: Scale) -> Outputs:
    """What a model without faults would put out for all of a split's targets, where they are known, shaped as `raw`.

    Outputs of chance would make a metric complain of what no trained model does, such as a class never predicted.
    """
    task, targets = loader.task, loader.known_targets()
    if not isinstance(raw, Tensor) or raw.ndim > 2:
        return Outputs(raw, loader.sample(_NUM_SAMPLES)[1], task, scale)
    if task == "regression":
        targets = loader.sample(_NUM_SAMPLES)[1] if targets is None else targets
        return Outputs(targets.reshape(len(targets), -1), targets, task, scale)
    num_outputs = _num_outputs(raw)
    targets = torch.arange(max(num_outputs, 2)).repeat(2) if targets is None else targets
    num_classes = int(class_indices(targets).max()) + 1
    if scale != "labels" and num_classes > max(num_outputs, 2):
        raise BuildError(
            f"the model puts out {num_outputs} values a sample, but there are {num_classes} classes", code="MG320"
        )
    return _certain(targets, task, raw, scale)


def _certain(targets: Tensor, task: Task, raw: Tensor, scale: Scale) -> Outputs:
    """Outputs shaped as `raw` that leave no doubt about the classes of `targets`."""
    classes = class_indices(targets).long()
    if scale == "labels":
        return Outputs(classes, targets, task, scale)
    num_outputs = _num_outputs(raw)
    if num_outputs == 1:
        certain = classes.float() if scale == "probabilities" else (classes.float() * 2 - 1) * _CERTAIN
        return Outputs(certain.reshape(-1, *raw.shape[1:]), targets, task, scale)
    rows = torch.nn.functional.one_hot(classes, num_outputs).float()
    return Outputs(rows if scale == "probabilities" else rows * _CERTAIN, targets, task, scale)


def _num_outputs(raw: Tensor) -> int:
    return raw.shape[1] if raw.ndim == 2 else 1
