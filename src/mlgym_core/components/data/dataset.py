"""What is trained on: samples with targets, in memory or behind `torch.utils.data.Dataset`.

Owns the types, what a task is and what targets are. It knows no file, no split and no order of samples.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Protocol, TypeAlias, get_args, runtime_checkable

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import ConcatDataset, Subset
from torch.utils.data import Dataset as TorchDataset

from mlgym_core.components.data.encoding import Encoding, numbers
from mlgym_core.errors import BuildError

if TYPE_CHECKING:
    import pandas as pd

Task: TypeAlias = Literal["multiclass", "binary", "regression"]


@runtime_checkable
class Source(Protocol):
    """Anything with a length whose items are pairs (input, target): a `Dataset` or any map-style torch data set."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Any: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Samples in memory: `inputs` [N, ...] and `targets`.

    Targets are floats [N] for regression; for classes whole numbers [N], or floats [N, C] where they are one-hot.
    `class_names` are the classes as people call them, by their number. `encoding` makes inputs of raw rows, and
    `features` names the feature set that it is, where it is one.
    """

    inputs: Tensor
    targets: Tensor
    task: Task
    num_classes: int | None = None
    class_names: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    name: str = ""
    encoding: Encoding | None = None
    features: str = ""

    def __post_init__(self) -> None:
        _check_lengths(self.name, len(self.inputs), len(self.targets))

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.inputs[index], self.targets[index]

    def subset(self, indices: Tensor) -> Dataset:
        """The samples at `indices` [M], in their order."""
        return replace(self, inputs=self.inputs[indices], targets=self.targets[indices])

    @property
    def raw(self) -> Encoding:
        """How raw rows become inputs."""
        shape = tuple(self.inputs.shape[1:])
        return self.encoding or Encoding(columns=self.feature_names, shape=shape)

    def encode(self, rows: Any) -> Tensor:
        """The inputs [N, ...] of raw rows: of a data frame, a mapping from columns to values, or an array.

        Raises:
            BuildError: a column is missing, a value is no number, or the shape is another one.
        """
        return self.raw(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows with words or gaps in them and their targets [N]: `features` make a `Dataset` of it, no loader takes it."""

    frame: pd.DataFrame
    targets: Tensor
    task: Task
    num_classes: int | None = None
    class_names: tuple[str, ...] = ()
    name: str = ""

    def __post_init__(self) -> None:
        _check_lengths(self.name, len(self.frame), len(self.targets))

    def __len__(self) -> int:
        return len(self.frame)

    def __getitem__(self, index: int) -> NoReturn:
        self.refuse()

    def subset(self, indices: Tensor) -> Table:
        """The rows at `indices` [M], in their order."""
        return replace(self, frame=self.frame.iloc[indices.tolist()], targets=self.targets[indices])

    def refuse(self) -> NoReturn:
        """Say which column keeps the table from being inputs.

        Raises:
            BuildError: always.
        """
        for column in self.frame.columns:
            numbers(self.frame[column].to_numpy(), what=f"column '{column}' of '{self.name}'")
        raise BuildError(f"the table '{self.name}' was not encoded by `features`", code="MG362")


def subset_of(source: Source, indices: Tensor) -> Source:
    """The samples of `source` at `indices` [M]; in memory where `source` is."""
    if isinstance(source, Dataset | Table):
        return source.subset(indices)
    return Subset(source, indices.tolist())  # type: ignore[arg-type]  # it takes whatever has items


def known_targets_of(source: Source | TorchDataset[Any]) -> Tensor | None:
    """The targets [N] or [N, C] of all samples, where no sample has to be read for them."""
    if isinstance(source, Subset):
        targets = known_targets_of(source.dataset)
        return None if targets is None else targets[torch.as_tensor(source.indices, dtype=torch.long)]
    if isinstance(source, ConcatDataset):
        parts = [known_targets_of(each) for each in source.datasets]
        known = [each for each in parts if each is not None]
        return torch.cat(known) if len(known) == len(parts) else None
    targets = getattr(source, "targets", None)
    return None if targets is None else torch.as_tensor(targets)


def targets_of(source: Source) -> Tensor:
    """The targets [N] or [N, C] of all samples; reads every sample where `source` does not hold them in `targets`."""
    targets = known_targets_of(source)
    if targets is not None:
        return targets
    return torch.stack([torch.as_tensor(source[index][1]) for index in range(len(source))])


def class_indices(targets: Tensor) -> Tensor:
    """Classes [N] of targets [N], [N, 1], or of one-hot rows [N, C]; targets of another form as they are."""
    if targets.ndim != 2:
        return targets
    return targets.argmax(1) if targets.shape[1] > 1 else targets.reshape(len(targets))


def classes_of(targets: Tensor, task: Task) -> Tensor | None:
    """The classes [N] that `targets` stand for, as `class_indices`; None for a regression."""
    return None if task == "regression" else class_indices(targets).flatten().long()


def target_numbers(targets: Tensor, task: Task) -> NDArray[Any]:
    """Targets as an array: classes [N] where they are classes, else as they are."""
    classes = classes_of(targets, task)
    array: NDArray[Any] = (targets if classes is None else classes).cpu().numpy()
    return array


def labels_of(source: Source) -> Tensor | None:
    """The classes [N] of all samples, read where the source does not hold them; None for a regression."""
    targets = targets_of(source)
    return classes_of(targets, task_of(source, targets))


def task_of(source: Source | TorchDataset[Any], targets: Any) -> Task:
    """The task that `source` names in `task`, else the one that the type of its `targets` speaks for.

    Raises:
        BuildError: `source` names a task that there is not.
    """
    if isinstance(source, Subset):
        return task_of(source.dataset, targets)
    if isinstance(source, ConcatDataset):
        return task_of(source.datasets[0], targets)
    task: Task | None = getattr(source, "task", None)
    if task is None:
        return "regression" if isinstance(targets, Tensor) and targets.is_floating_point() else "multiclass"
    if task not in get_args(Task):
        raise BuildError(
            f"data of the type {type(source).__name__} names the task '{task}'",
            code="MG311",
            hint=f"accepted: {', '.join(get_args(Task))}",
        )
    return task


def _check_lengths(name: str, num_inputs: int, num_targets: int) -> None:
    if num_inputs != num_targets:
        raise BuildError(f"data '{name}' has {num_inputs} inputs but {num_targets} targets", code="MG310")
    if num_inputs == 0:
        raise BuildError(f"data '{name}' has no samples", code="MG310")
