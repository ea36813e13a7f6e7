"""Nests of tensors, as batches and outputs of a model may be: how large they are, and a change of every tensor.

Owns the walk through nested values. It knows neither loaders nor models.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor


def count_samples(value: Any) -> int | None:
    """The length of the first tensor in a batch; None where there is no tensor."""
    return next((len(each) for each in _tensors(value) if each.ndim), None)


def shape_of(value: Any) -> Any:
    """The shapes of the tensors in a batch, nested as they are; the type of what is none."""
    if isinstance(value, Tensor):
        return list(value.shape)
    if isinstance(value, Mapping):
        return {key: shape_of(item) for key, item in value.items()}
    return [shape_of(item) for item in value] if isinstance(value, list | tuple) else type(value).__name__


def map_tensors(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """`value` with every tensor in its mappings, lists, tuples, named tuples and dataclasses changed."""
    return _map(value, change, lambda each: isinstance(each, Tensor))


def move(value: Any, device: torch.device) -> Any:
    """`value` with all tensors in it on `device`, and with what has a method `to` of its own; the rest as it is."""
    return _map(value, lambda each: each.to(device), lambda each: callable(getattr(each, "to", None)))


def _map(value: Any, change: Callable[[Any], Any], is_changed: Callable[[Any], bool]) -> Any:
    if is_changed(value):
        return change(value)
    if isinstance(value, Mapping):
        return _like(value, {key: _map(item, change, is_changed) for key, item in value.items()})
    if isinstance(value, tuple | list):
        items = [_map(item, change, is_changed) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [each.name for each in dataclasses.fields(value) if each.init]
        return dataclasses.replace(value, **{name: _map(getattr(value, name), change, is_changed) for name in names})
    return value


def _like(mapping: Mapping[Any, Any], items: dict[Any, Any]) -> Mapping[Any, Any]:
    """The items as a mapping of the same type; as a dict where such a one is not made of items, as a defaultdict."""
    make: Callable[..., Mapping[Any, Any]] = type(mapping)
    try:
        return make(items)
    except TypeError:
        return items


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _tensors(item)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from _tensors(getattr(value, field.name))
