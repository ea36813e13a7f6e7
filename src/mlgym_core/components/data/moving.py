"""Batches of any form: what a collator gives, moved to a device and counted.

Owns the walk through nested values. It knows neither loaders nor models.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor


def move(value: Any, device: torch.device) -> Any:
    """`value` with all tensors in it on `device`.

    It goes through mappings, lists, tuples, named tuples and dataclasses, and asks what has a method `to` of its own;
    anything else stays as it is.
    """
    if isinstance(value, Tensor) or callable(getattr(value, "to", None)):
        return value.to(device)
    if isinstance(value, Mapping):
        moved = {key: move(item, device) for key, item in value.items()}
        return moved if type(value) is dict else type(value)(moved)  # type: ignore[call-arg]
    if isinstance(value, tuple | list):
        items = [move(item, device) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [each.name for each in dataclasses.fields(value) if each.init]
        return dataclasses.replace(value, **{name: move(getattr(value, name), device) for name in fields})
    return value


def count_samples(value: Any) -> int | None:
    """How many samples a batch has: the length of the first tensor in it; None where there is no tensor."""
    return next((len(each) for each in _tensors(value) if each.ndim), None)


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
