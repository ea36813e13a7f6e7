"""Data sets made of data sets: put together, taken apart, read into memory, with other targets.

Owns who is in a split and what is asked of it. Each component takes splits by name and gives splits by name, and leaves
what it was given as it was; in memory where the source is, otherwise sample by sample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, TypeAlias

import torch
from pydantic import Field, NonNegativeInt, PositiveInt
from torch import Tensor
from torch.utils.data import ConcatDataset

from mlgym_core.components.data.chance import chance_kept, seed_chance
from mlgym_core.components.data.dataset import (
    Dataset,
    Source,
    Table,
    Task,
    labels_of,
    subset_of,
    task_of,
)
from mlgym_core.components.data.order import derive_seed, generator_of
from mlgym_core.errors import BuildError
from mlgym_core.registry import register

Label: TypeAlias = int | str
"""A class by its number, or by its name where the data know the names."""
_MISFIT = "MG367"


@register("splits", "combined")
def combined(splits: Mapping[str, Annotated[list[Source], Field(min_length=1)]]) -> dict[str, Source]:
    """Splits, each of which has the samples of several sources, one after the other.

    Args:
        splits: The sources of each new split, such as `{train: [$a.train, $b.train]}`.

    Raises:
        BuildError: sources of one split differ in their task or in the shape of their inputs.
    """
    return {name: _combine(name, sources) for name, sources in splits.items()}


@register("splits", "in_memory")
def in_memory(splits: Mapping[str, Source], seed: int = 0) -> dict[str, Source]:
    """The splits with every sample read once, so that batches are cut from memory.

    Chance within a sample, such as an augmentation of the data's own, is drawn once and for all.

    Args:
        splits: The data of each split by its name.
    """
    return {name: _read(name, source, seed) for name, source in splits.items()}


@register("splits", "shuffled")
def shuffled(
    splits: Mapping[str, Source],
    seed: int = 0,
    seeds: Mapping[str, int] | None = None,
    only: list[str] | None = None,
) -> dict[str, Source]:
    """The splits with their samples in a random order, drawn once.

    Args:
        splits: The data of each split by its name.
        seeds: A seed for each split, where they shall differ from the component's.
        only: The splits that are shuffled; all where not given. The others stay as they are.
    """

    def shuffle(name: str, source: Source) -> Source:
        order = torch.randperm(len(source), generator=generator_of("shuffled", (seeds or {}).get(name, seed), name))
        return subset_of(source, order)

    return {name: shuffle(name, each) if _is_meant(name, splits, only) else each for name, each in splits.items()}


@register("splits", "filtered")
def filtered(splits: Mapping[str, Source], labels: list[Label], only: list[str] | None = None) -> dict[str, Source]:
    """The splits with the samples of some classes alone, whose numbers stay as they are.

    Args:
        splits: The data of each split by its name.
        labels: The classes to keep, by their number or name.
        only: The splits that are filtered; all where not given. The others stay as they are.

    Raises:
        BuildError: there are no classes, no such class, or no sample is left.
    """

    def keep(name: str, source: Source) -> Source:
        found = _labels(name, source)
        wanted = torch.tensor([_number(label, source) for label in labels], dtype=torch.long)
        indices = torch.isin(found, wanted).nonzero().flatten()
        if not len(indices):
            raise BuildError(f"split '{name}' has no sample of the classes {labels}", code=_MISFIT)
        return subset_of(source, indices)

    return {name: keep(name, each) if _is_meant(name, splits, only) else each for name, each in splits.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Renaming:
    """Classes that become one."""

    labels: list[Label]
    to: NonNegativeInt


@register("splits", "mapped")
def mapped(
    splits: Mapping[str, Source],
    mappings: list[Renaming],
    only: list[str] | None = None,
    class_names: list[str] | None = None,
) -> dict[str, Source]:
    """The splits with other classes; two of them make a binary task.

    Args:
        splits: The data of each split by its name.
        mappings: Which classes become which, as `{labels: [3, 7], to: 0}`; a class that is not named stays.
        only: The splits that are mapped; all where not given. The others stay as they are.
        class_names: The names of the new classes, in their order.

    Raises:
        BuildError: there are no classes, or no such class.
    """
    meant = {name: each for name, each in splits.items() if _is_meant(name, splits, only)}
    targets = {name: _map_labels(name, each, mappings) for name, each in meant.items()}
    num_classes = max((int(each.max()) for each in targets.values()), default=0) + 1
    task: Task = "binary" if num_classes == 2 else "multiclass"
    new = {
        name: _retarget(each, targets[name], task=task, num_classes=num_classes, class_names=class_names or ())
        for name, each in meant.items()
    }
    return {**splits, **new}


@register("splits", "one_hot")
def one_hot(
    splits: Mapping[str, Source], num_classes: PositiveInt | None = None, only: list[str] | None = None
) -> dict[str, Source]:
    """The splits with targets as rows [N, C] of floats, 1 for the class of the sample and 0 for all others.

    Args:
        splits: The data of each split by its name.
        num_classes: The length of a row; as many as the splits have classes where not given.
        only: The splits whose targets are changed; all where not given. The others stay as they are.

    Raises:
        BuildError: there are no classes, or more than `num_classes`.
    """
    labels = {name: _labels(name, each) for name, each in splits.items() if _is_meant(name, splits, only)}
    num_found = max((int(each.max()) for each in labels.values()), default=0) + 1
    size = num_classes or max(num_found, *(getattr(each, "num_classes", None) or 0 for each in splits.values()))
    if num_found > size:
        raise BuildError(f"one_hot has rows for {size} classes, but there are {num_found}", code=_MISFIT)
    rows = {name: torch.nn.functional.one_hot(each, size).float() for name, each in labels.items()}
    return {
        **splits,
        **{name: _retarget(splits[name], each, task="multiclass", num_classes=size) for name, each in rows.items()},
    }


@register("splits", "viewed")
def viewed(source: Source, indices: Mapping[str, list[NonNegativeInt]]) -> dict[str, Source]:
    """Splits that have the named samples of one source.

    Args:
        source: The data, such as `$data.train`.
        indices: The numbers of the samples of each split, counted from 0.

    Raises:
        BuildError: there is no sample of that number, or a split gets none.
    """
    for name, numbers in indices.items():
        if not numbers or max(numbers) >= len(source):
            wrong = f"sample {max(numbers)} of {len(source)}" if numbers else "no samples"
            raise BuildError(f"the view '{name}' has {wrong}", code=_MISFIT, hint="they are counted from 0")
    return {name: subset_of(source, torch.tensor(numbers)) for name, numbers in indices.items()}


class Retargeted:
    """Samples of another source with targets of their own."""

    def __init__(
        self, source: Source, targets: Tensor, *, task: Task, num_classes: int, class_names: Sequence[str]
    ) -> None:
        self.targets = targets
        self.task = task
        self.num_classes = num_classes
        self.class_names = tuple(class_names)
        self._source = source

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> tuple[Any, Tensor]:
        return self._source[index][0], self.targets[index]


def _combine(name: str, sources: Sequence[Source]) -> Source:
    first = sources[0]
    if not isinstance(first, Dataset) or not all(isinstance(each, Dataset) for each in sources):
        return ConcatDataset(sources)  # type: ignore[arg-type]  # it takes whatever has items
    parts = [each for each in sources if isinstance(each, Dataset)]
    kinds = {(each.task, tuple(each.inputs.shape[1:]), tuple(each.targets.shape[1:])) for each in parts}
    if len(kinds) > 1:
        told = " and ".join(f"{each.task} of inputs {list(each.inputs.shape[1:])}" for each in parts)
        raise BuildError(f"the parts of split '{name}' differ: {told}", code=_MISFIT)
    counts = [each.num_classes for each in parts if each.num_classes is not None]
    return replace(
        first,
        inputs=torch.cat([each.inputs for each in parts]),
        targets=torch.cat([each.targets for each in parts]),
        num_classes=max(counts, default=None),
        class_names=max((each.class_names for each in parts), key=len),
    )


def _read(name: str, source: Source, seed: int) -> Source:
    if isinstance(source, Dataset | Table):
        return source
    samples = []
    with chance_kept():
        for index in range(len(source)):
            seed_chance(derive_seed("in_memory", seed, name, index))
            samples.append(source[index])
    inputs = torch.stack([torch.as_tensor(each[0]) for each in samples])
    targets = torch.stack([torch.as_tensor(each[1]) for each in samples])
    task = task_of(source, targets)
    return Dataset(
        inputs=inputs,
        targets=targets,
        task=task,
        num_classes=getattr(source, "num_classes", None),
        class_names=tuple(getattr(source, "class_names", ())),
        name=name,
    )


def _retarget(source: Source, targets: Tensor, *, task: Task, num_classes: int, **more: Any) -> Source:
    names = tuple(more.get("class_names", getattr(source, "class_names", ())))
    if isinstance(source, Dataset | Table):
        return replace(source, targets=targets, task=task, num_classes=num_classes, class_names=names)
    return Retargeted(source, targets, task=task, num_classes=num_classes, class_names=names)


def _map_labels(name: str, source: Source, mappings: Sequence[Renaming]) -> Tensor:
    old = _labels(name, source)
    new = old.clone()
    for mapping in mappings:
        wanted = torch.tensor([_number(label, source) for label in mapping.labels], dtype=torch.long)
        new[torch.isin(old, wanted)] = mapping.to
    return new


def _labels(name: str, source: Source) -> Tensor:
    labels = labels_of(source)
    if labels is None:
        raise BuildError(f"split '{name}' has no classes: its targets are numbers", code=_MISFIT)
    return labels


def _number(label: Label, source: Source) -> int:
    if isinstance(label, int):
        return label
    names = tuple(getattr(source, "class_names", ()))
    if label not in names:
        raise BuildError(
            f"there is no class '{label}'", code=_MISFIT, hint=f"there are: {', '.join(names) or 'no names'}"
        )
    return names.index(label)


def _is_meant(name: str, splits: Mapping[str, Source], only: Sequence[str] | None) -> bool:
    unknown = [each for each in only or () if each not in splits]
    if unknown:
        raise BuildError(f"`only` names the split '{unknown[0]}'", code=_MISFIT, hint=f"there are: {', '.join(splits)}")
    return only is None or name in only
