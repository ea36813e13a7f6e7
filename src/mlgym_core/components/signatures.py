"""Classes of a library as components: their signatures, trimmed to what a configuration can hold.

Owns the trimming; which classes there are, each provider knows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from types import UnionType
from typing import Any, Union, get_args, get_origin

from torch import Tensor

from mlgym_core.registry import Component, Parameter
from mlgym_core.registry.component import Goal


def library_component(
    kind: str,
    name: str,
    factory: Callable[..., Any],
    *,
    signature_of: Callable[..., Any],
    hidden: Collection[str] = (),
    defaults: Mapping[str, Any] | None = None,
    annotations: Mapping[str, Any] | None = None,
    extra: Iterable[Parameter] = (),
    goal: Goal | None = None,
) -> Component:
    """The component `factory`, with the arguments of `signature_of` but for the hidden ones, and the extra ones.

    `annotations` stand in for those of the signature; tensors are taken out of the others.
    """
    given = annotations or {}
    component = Component.of(
        kind, name, factory, signature_of=signature_of, hidden=hidden, defaults=defaults, goal=goal
    )
    own = (
        replace(each, annotation=given.get(each.name, without_tensors(each.annotation)))
        for each in component.parameters
    )
    return replace(component, parameters=(*own, *extra), is_open=False)


def without_tensors(annotation: Any) -> Any:
    """`annotation` without `Tensor` as an alternative, which no configuration can write."""
    origin, members = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        kept = tuple(without_tensors(each) for each in members if each is not Tensor)
        return Union[kept]  # noqa: UP007 - a union of what is known when this runs
    if origin is tuple:
        kept = tuple(each if each is Ellipsis else without_tensors(each) for each in members)
        return tuple[kept]  # type: ignore[valid-type]  # as above
    return annotation


def snake_case(name: str) -> str:
    """`CosineAnnealingLR` as `cosine_annealing_lr`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
