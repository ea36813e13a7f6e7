"""What is trained on: samples with targets, in memory or behind `torch.utils.data.Dataset`.

Owns the types and what a task is. It knows no file, no split and no order of samples.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, TypeAlias, get_args, runtime_checkable

import torch
from torch import Tensor
from torch.utils.data import Subset

from mlgym_core.errors import BuildError

Task: TypeAlias = Literal["multiclass", "binary", "regression"]


@runtime_checkable
class Source(Protocol):
    """Anything with a length whose items are pairs (input, target): a `Dataset` or any map-style torch data set."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Any: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Samples in memory: `inputs` [N, ...] and `targets` [N], whole numbers for classes and floats for regression."""

    inputs: Tensor
    targets: Tensor
    task: Task
    num_classes: int | None = None
    feature_names: tuple[str, ...] = ()
    name: str = ""

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.targets):
            raise BuildError(
                f"data '{self.name}' has {len(self.inputs)} inputs but {len(self.targets)} targets", code="MG310"
            )
        if len(self.inputs) == 0:
            raise BuildError(f"data '{self.name}' has no samples", code="MG310")

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.inputs[index], self.targets[index]

    def subset(self, indices: Tensor) -> Dataset:
        """The samples at `indices` [M], in their order."""
        return replace(self, inputs=self.inputs[indices], targets=self.targets[indices])


def subset_of(source: Source, indices: Tensor) -> Source:
    """The samples of `source` at `indices` [M]; in memory where `source` is."""
    if isinstance(source, Dataset):
        return source.subset(indices)
    return Subset(source, indices.tolist())  # type: ignore[arg-type]


def targets_of(source: Source) -> Tensor:
    """The targets [N] of all samples; reads every sample where `source` does not hold them in `targets`."""
    if isinstance(source, Subset):
        return targets_of(source.dataset)[torch.as_tensor(source.indices)]  # type: ignore[arg-type]
    targets = getattr(source, "targets", None)
    return torch.as_tensor([source[index][1] for index in range(len(source))] if targets is None else targets)


def task_of(source: Source, targets: Tensor) -> Task:
    """The task that `source` names in `task`, else the one that the type of its `targets` speaks for.

    Raises:
        BuildError: `source` names a task that there is not.
    """
    if isinstance(source, Subset):
        return task_of(source.dataset, targets)  # type: ignore[arg-type]
    task: Task | None = getattr(source, "task", None)
    if task is None:
        return "regression" if targets.is_floating_point() else "multiclass"
    if task not in get_args(Task):
        raise BuildError(
            f"data of the type {type(source).__name__} names the task '{task}'",
            code="MG311",
            hint=f"accepted: {', '.join(get_args(Task))}",
        )
    return task
