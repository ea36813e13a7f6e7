"""Every optimizer of `torch.optim`, by name.

A built optimizer component waits for the parameters that it is to change. Owns nothing of models or steps.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NotRequired

import torch
from pydantic import ConfigDict
from torch.optim import Optimizer
from typing_extensions import TypedDict

from mlgym_core.components.parameter_groups import GroupedOptimizer, OptimizerFactory, Patterns
from mlgym_core.components.signatures import library_component
from mlgym_core.registry import Component, Parameter, default_registry

_OF_ALL_GROUPS = frozenset({"foreach", "fused", "maximize"})
"""Arguments of an optimizer that hold for all of its parameters."""

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
        component = library_component(
            "optimizer",
            cls.__name__.lower(),
            partial(_prepare, cls),
            signature_of=cls,
            hidden=("params", "capturable", "differentiable"),
            defaults={"fused": True} if _has_fused_kernel(cls) else {},
        )
        return component if cls is torch.optim.LBFGS else replace(component, parameters=_with_groups(component))


def _with_groups(component: Component) -> tuple[Parameter, ...]:
    """The arguments of an optimizer, and one for groups of parameters with settings of their own."""
    settings = {
        each.name: NotRequired[each.annotation] for each in component.parameters if each.name not in _OF_ALL_GROUPS
    }
    make: Any = TypedDict  # called as a function, which type checkers cannot follow
    group: Any = make("Group", {"parameters": Patterns, **settings})
    group.__pydantic_config__ = ConfigDict(extra="forbid")
    groups = Parameter(
        name="groups",
        annotation=list[group] | None,
        required=False,
        description="Settings of its own for each group of parameters, which `parameters: PATTERN` chooses by name.",
    )
    return (*component.parameters, groups)


def _prepare(
    cls: type[Optimizer], *, groups: Sequence[Mapping[str, Any]] | None = None, **arguments: Any
) -> OptimizerFactory | GroupedOptimizer:
    factory = partial(cls, **arguments)
    return GroupedOptimizer(factory=factory, groups=groups) if groups else factory


def _has_fused_kernel(cls: type[Optimizer]) -> bool:
    """Whether `cls` can step with its fused kernel in this build of torch, tried on one number."""
    if "fused" not in inspect.signature(cls).parameters:
        return False
    make: Callable[..., Optimizer] = cls
    number = torch.zeros(1, requires_grad=True)
    number.grad = torch.zeros(1)
    try:
        make([number], fused=True).step()
    except RuntimeError:  # what torch raises where it has no such kernel
        return False
    return True


default_registry.provide("optimizer", Optimizers())
