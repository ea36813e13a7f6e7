"""Every loss of `torch.nn` that compares outputs with targets, by name.

Owns the fitting of targets to what a loss expects. It knows neither models nor metrics.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

from mlgym_core.components.outputs import Scale
from mlgym_core.components.signatures import library_component, snake_case
from mlgym_core.errors import BuildError
from mlgym_core.registry import Component, default_registry

Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Outputs [N, ...] and targets [N, ...] to one number."""

_TAKES_CLASSES = frozenset({"CrossEntropyLoss", "NLLLoss", "MultiMarginLoss", "MultiLabelMarginLoss"})
"""Losses whose targets are whole numbers of another shape than the outputs."""

_ANNOTATIONS = {
    "weight": list[float] | None,
    "pos_weight": list[float] | None,
    "reduction": Literal["mean", "sum"],
}
_KL_REDUCTION = Literal["batchmean", "mean", "sum"]


class TargetsLikeOutputs(nn.Module):
    """A loss whose targets are given the type and shape of the outputs.

    Without that torch would compare [N, 1] with [N] as [N, N], and refuse classes as targets of a binary loss.
    """

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of outputs [N, ...] and as many targets.

        Raises:
            BuildError: they are not as many.
        """
        if outputs.numel() != targets.numel():
            raise BuildError(
                f"{type(self.loss).__name__} compares numbers one by one, but the outputs have the shape "
                f"{list(outputs.shape)} and the targets {list(targets.shape)}",
                code="MG321",
            )
        loss: Tensor = self.loss(outputs, targets.to(outputs.dtype).view_as(outputs))
        return loss


def output_scale(loss: Loss | None) -> Scale:
    """What a model trained with `loss` puts out."""
    inner = getattr(loss, "loss", loss)
    return "probabilities" if isinstance(inner, nn.BCELoss) else "logits"


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
            annotations=_ANNOTATIONS | ({"reduction": _KL_REDUCTION} if cls is nn.KLDivLoss else {}),
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


def _make_loss(cls: type[nn.Module], **arguments: Any) -> nn.Module:
    tensors = {key: torch.tensor(value) for key, value in arguments.items() if isinstance(value, list)}
    loss = cls(**(arguments | tensors))
    return loss if cls.__name__ in _TAKES_CLASSES else TargetsLikeOutputs(loss)


default_registry.provide("loss", Losses())
