"""Parting one source into named splits: at random, or with the same share of each class in every split.

Owns who goes where. It knows no file and no batch.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from pydantic import PositiveFloat
from torch import Tensor

from mlgym_core.components.data.dataset import Source, labels_of, subset_of
from mlgym_core.components.data.order import generator_of
from mlgym_core.errors import BuildError
from mlgym_core.registry import register

_TOLERANCE = 1e-6


@register("splits", "random")
def random_splits(source: Source, fractions: Mapping[str, PositiveFloat], seed: int) -> dict[str, Source]:
    """Splits with the given fractions of `source`, drawn at random.

    Args:
        source: The data to part, such as `$data.train`.
        fractions: The share of each split by its name; they sum to 1.

    Raises:
        BuildError: the fractions do not sum to 1, or leave a split without a sample.
    """
    return {name: subset_of(source, indices) for name, indices in split_randomly(source, fractions, seed).items()}


@register("splits", "stratified")
def stratified_splits(source: Source, fractions: Mapping[str, PositiveFloat], seed: int) -> dict[str, Source]:
    """Splits with the given fractions of `source`, in each the same share of every class.

    Args:
        source: The data to part, such as `$data.train`; its targets are classes.
        fractions: The share of each split by its name; they sum to 1.

    Raises:
        BuildError: as for `random`, or the targets are no classes.
    """
    return {name: subset_of(source, indices) for name, indices in split_stratified(source, fractions, seed).items()}


def split_randomly(source: Source, fractions: Mapping[str, float], seed: int) -> dict[str, Tensor]:
    """The indices of the samples of each split."""
    sizes = split_sizes(len(source), fractions)
    order = torch.randperm(len(source), generator=generator_of("splits", seed))
    return dict(zip(sizes, torch.split(order, list(sizes.values())), strict=True))


def split_stratified(source: Source, fractions: Mapping[str, float], seed: int) -> dict[str, Tensor]:
    """The indices of the samples of each split; the classes have even shares, to one sample or two.

    Raises:
        BuildError: there are no classes, or the fractions do not fit, as `split_sizes` says.
    """
    labels = labels_of(source)
    if labels is None:
        raise BuildError(
            "stratified splits need classes, but the targets are floats",
            code="MG313",
            hint="use: random parts any data",
        )
    sizes = split_sizes(len(source), fractions)
    generator = generator_of("splits", seed)
    shuffled = torch.randperm(len(source), generator=generator)
    by_class = shuffled[torch.argsort(labels[shuffled], stable=True)]
    dealt = _deal(by_class, list(sizes.values()))
    return {name: part[torch.randperm(len(part), generator=generator)] for name, part in zip(sizes, dealt, strict=True)}


def split_sizes(num_samples: int, fractions: Mapping[str, float]) -> dict[str, int]:
    """How many of `num_samples` each split gets: rounded by largest remainder, all of them, at least one each.

    Raises:
        BuildError: the fractions do not sum to 1, or leave a split without a sample.
    """
    total = sum(fractions.values())
    if abs(total - 1) > _TOLERANCE:
        raise BuildError(f"the fractions {dict(fractions)} sum to {total:g}, not to 1", code="MG312")
    exact = {name: num_samples * fraction for name, fraction in fractions.items()}
    sizes = {name: int(size + _TOLERANCE) for name, size in exact.items()}
    by_remainder = sorted(exact, key=lambda name: sizes[name] - exact[name])
    for name in by_remainder[: num_samples - sum(sizes.values())]:
        sizes[name] += 1
    empty = [name for name, size in sizes.items() if size == 0]
    if empty:
        raise BuildError(
            f"split '{empty[0]}' would be empty: {fractions[empty[0]]:g} of {num_samples} samples", code="MG312"
        )
    return sizes


def _deal(grouped: Tensor, sizes: list[int]) -> list[Tensor]:
    """Parts of `sizes`, each with evenly spaced members of `grouped` [N]; every member goes into one part."""
    num_samples = len(grouped)
    # A part of size s asks for the places (k + 1/2) * N / s; serving all wishes in order keeps every part even.
    wishes = torch.cat([(torch.arange(size, dtype=torch.float64) + 0.5) * num_samples / size for size in sizes])
    places = torch.empty(num_samples, dtype=torch.long)
    places[torch.argsort(wishes, stable=True)] = torch.arange(num_samples)
    return list(torch.split(grouped[places], sizes))
