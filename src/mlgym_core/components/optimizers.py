"""Every optimizer of `torch.optim`, by name.

A built optimizer component waits for the parameters that it is to change. Owns nothing of models or steps.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeAlias

import torch
from torch.optim import Optimizer

from mlgym_core.components.signatures import library_component
from mlgym_core.registry import Component, default_registry

OptimizerFactory: TypeAlias = Callable[[Iterable[torch.nn.Parameter]], Optimizer]

_CLASSES: dict[str, type[Optimizer]] = {
    name.lower(): value
    for name, value in vars(torch.optim).items()
    if inspect.isclass(value) and issubclass(value, Optimizer) and value is not Optimizer
}


class Optimizers:
    """All classes of `torch.optim`, in any case: adam, Adam, ADAM."""

    def names(self) -> list[str]:
        """One name for each, sorted."""
        return sorted(_CLASSES)

    def find(self, name: str) -> Component | None:
        """The component of that name."""
        cls = _CLASSES.get(name.lower())
        if cls is None:
            return None
        return library_component(
            "optimizer",
            cls.__name__.lower(),
            partial(_prepare, cls),
            signature_of=cls,
            hidden=("params", "capturable", "differentiable"),
            defaults={"fused": True} if _has_fused_kernel(cls) else {},
        )


def _prepare(cls: type[Optimizer], **arguments: Any) -> OptimizerFactory:
    return partial(cls, **arguments)


def _has_fused_kernel(cls: type[Optimizer]) -> bool:
    """Whether `cls` can step with its fused kernel in this build of torch, tried on one number."""
    if "fused" not in inspect.signature(cls).parameters:
        return False
    number = torch.zeros(1, requires_grad=True)
    number.grad = torch.zeros(1)
    try:
        cls([number], fused=True).step()  # type: ignore[call-arg]
    except RuntimeError:  # what torch raises where it has no such kernel
        return False
    return True


default_registry.provide("optimizer", Optimizers())
