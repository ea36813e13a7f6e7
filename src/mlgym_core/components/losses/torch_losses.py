"""Every loss of `torch.nn` that compares outputs with targets, by name.

Owns the names and what targets each expects. It knows neither models nor metrics.
"""

from __future__ import annotations

import inspect
from functools import cache, partial
from typing import Any, Literal

import torch
from torch import nn

from mlgym_core.components.losses.fitting import BATCH_MEAN, TargetsAsClasses, TargetsLikeOutputs
from mlgym_core.components.signatures import library_component, snake_case
from mlgym_core.registry import Component, default_registry

_TAKES_ROWS = frozenset({"CrossEntropyLoss", "MultiLabelMarginLoss"})
"""Losses that take targets as they come, be they classes or rows."""
_TAKES_CLASSES = frozenset({"NLLLoss", "MultiMarginLoss"})
"""Losses whose targets are whole numbers of another shape than the outputs."""

_ANNOTATIONS = {"weight": list[float] | None, "pos_weight": list[float] | None}
_REDUCTION = Literal["mean", "sum"]
_REDUCTION_OF_ROWS = Literal["mean", "sum", "batchmean"]


class Losses:
    """All losses of `torch.nn` of outputs and targets: cross_entropy or CrossEntropyLoss, mse, bce_with_logits."""

    def names(self) -> list[str]:
        """One name for each, sorted."""
        return sorted(_short_name(cls) for cls in _classes())

    def find(self, name: str) -> Component | None:
        """The component of that name."""
        wanted = name.lower().replace("_", "")
        cls = next((each for each in _classes() if wanted in _spellings(each)), None)
        if cls is None:
            return None
        return library_component(
            "loss",
            _short_name(cls),
            partial(_make_loss, cls),
            signature_of=cls,
            hidden=("size_average", "reduce"),
            annotations=_ANNOTATIONS | {"reduction": _REDUCTION_OF_ROWS if _compares_numbers(cls) else _REDUCTION},
        )


@cache
def _classes() -> tuple[type[nn.Module], ...]:
    base = nn.modules.loss._Loss
    found = (each for each in vars(nn).values() if inspect.isclass(each) and issubclass(each, base))
    return tuple(each for each in found if _compares_outputs_with_targets(each))


def _compares_outputs_with_targets(cls: type[nn.Module]) -> bool:
    if "in_features" in inspect.signature(cls).parameters or cls.__name__ == "NLLLoss2d":
        return False  # the first has weights, which the optimizer would not know of; the second is deprecated
    # The outputs are called `input`, or `log_input` where they are given as logarithms.
    return list(inspect.signature(cls.forward).parameters)[2:] == ["target"]


def _short_name(cls: type[nn.Module]) -> str:
    return snake_case(cls.__name__.removesuffix("Loss").replace("WithLogits", "_WithLogits"))


def _spellings(cls: type[nn.Module]) -> tuple[str, str]:
    short = cls.__name__.lower().removesuffix("loss")
    return short, f"{short}loss"


def _compares_numbers(cls: type[nn.Module]) -> bool:
    return cls.__name__ not in _TAKES_ROWS | _TAKES_CLASSES and "MultiLabel" not in cls.__name__


def _make_loss(cls: type[nn.Module], reduction: str = "mean", **arguments: Any) -> nn.Module:
    tensors = {key: torch.tensor(value) for key, value in arguments.items() if isinstance(value, list)}
    inner = "sum" if reduction == BATCH_MEAN else reduction
    loss = cls(reduction=inner, **(arguments | tensors))
    if cls.__name__ in _TAKES_ROWS:
        return loss
    fitting = TargetsAsClasses if cls.__name__ in _TAKES_CLASSES else TargetsLikeOutputs
    return fitting(loss, reduction)


default_registry.provide("loss", Losses())
