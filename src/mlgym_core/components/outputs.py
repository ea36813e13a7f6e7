"""What a model put out for a whole split, in the forms that metrics want it: labels, scores, probabilities, values.

Owns the reading of raw outputs for each task and scale, and what of them is kept while a split goes by in batches. It
knows no metric.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlgym_core.components.data.dataset import Task, class_indices
from mlgym_core.errors import BuildError

Scale: TypeAlias = Literal["logits", "probabilities", "decision", "labels", "values"]
"""What raw outputs are.

`logits`, of which soft max or the sigmoid makes probabilities; `probabilities` [N, C], or [N] of class 1; `decision`,
the values of a decision function, larger where a class is likelier, which are no probabilities; `labels` [N], the
classes themselves; `values`, the numbers of a regression.
"""

Form: TypeAlias = Literal["labels", "scores", "probabilities", "values"]
"""What a metric is given.

`labels` [N]; `probabilities` [N, C], for a binary task [N] of class 1; `scores`, the same or, where there are none,
what a decision function gives: enough to rank samples by; `values`, the outputs as they are.
"""

PostProcessing: TypeAlias = tuple[Callable[[Tensor], Tensor], ...]
"""Steps from raw outputs [N, ...] to what a metric is given."""

Given: TypeAlias = Form | PostProcessing

_MOST_IN_A_BYTE = 256
_WITHOUT_PROBABILITIES: dict[Scale, str] = {"decision": "values of a decision function", "labels": "labels"}


class Counts(NamedTuple):
    """The cells of a confusion matrix that are not empty: `num` samples of the class `targets` labelled `labels`."""

    targets: NDArray[np.int64]
    labels: NDArray[np.int64]
    num: NDArray[np.int64]


@dataclass(frozen=True)
class Outputs:
    """Raw outputs [N, C], [N, 1] or [N] with the targets of a split: [N], or [N, C] as one-hot rows of classes.

    Where `parts` hold everything that is asked for, `raw` has no rows.
    """

    raw: Tensor
    target: Tensor
    task: Task
    scale: Scale = "logits"
    parts: Mapping[Given, Tensor] = field(default_factory=dict)

    @cached_property
    def targets(self) -> NDArray[Any]:
        """[N] classes; as they came where the task is regression."""
        target = self.target if self.task == "regression" else class_indices(self.target)
        return _to_numpy(_wide(target))

    @cached_property
    def labels(self) -> NDArray[Any]:
        """[N]: the class with the largest output; for one output a sample, whether it is likelier than not.

        Raises:
            BuildError: the task is regression.
        """
        return self.form("labels")

    @cached_property
    def probabilities(self) -> NDArray[Any]:
        """[N, C], each row of sum 1; for a binary task [N], the probability of class 1.

        Raises:
            BuildError: the task is regression, or the outputs are no probabilities.
        """
        return self.form("probabilities")

    @cached_property
    def values(self) -> NDArray[Any]:
        """The raw outputs, [N] where there is one a sample."""
        return self.form("values")

    def form(self, given: Given) -> NDArray[Any]:
        """The outputs as they are wanted; whole numbers come as 64 bits.

        Raises:
            BuildError: the outputs have no such form.
        """
        form: NDArray[Any] = self.shared(("form", given), lambda: _to_numpy(_wide(self.read(given))))
        return form

    def read(self, given: Given) -> Tensor:
        """The same in as few bytes as hold it, where the outputs are."""
        if given in self.parts:
            return self.parts[given]
        if isinstance(given, str):
            part: Tensor = getattr(self, f"_{given}")()
            return part
        part = self.raw
        for step in given:
            part = step(part)
        return part

    def counts(self, given: Given) -> Counts | None:
        """How often each class was labelled as which; None where targets, or what is given, are no classes."""
        counts: Counts | None = self.shared(("counts", given), lambda: self._count(given))
        return counts

    def shared(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """What `compute` gives, computed once for all metrics that ask for it under `key`."""
        if key not in self._shared:
            self._shared[key] = compute()
        return self._shared[key]

    @cached_property
    def _shared(self) -> dict[Hashable, Any]:
        return {}

    def _count(self, given: Given) -> Counts | None:
        targets, labels = class_indices(self.target), self.read(given)
        if self.task == "regression" or labels.ndim != 1 or any(each.is_floating_point() for each in (targets, labels)):
            return None
        rows, columns = _to_numpy(_wide(targets)), _to_numpy(_wide(labels))
        if len(rows) == 0 or min(rows.min(), columns.min()) < 0:
            return None
        width = int(columns.max()) + 1
        cells = rows * width + columns
        if (size := int(rows.max() + 1) * width) <= max(len(rows), 2**16):
            num = np.bincount(cells, minlength=size)
            found = np.flatnonzero(num)
            num = num[found]
        else:  # more cells than samples
            found, num = np.unique(cells, return_counts=True)
        return Counts(found // width, found % width, num)

    def _labels(self) -> Tensor:
        self._need_classes("labels")
        if self.scale == "labels":
            return self._single if self._is_single else self.raw
        if self._is_single:
            return (self._single > (0.5 if self.scale == "probabilities" else 0.0)).byte()
        return self.raw.argmax(1).to(smallest_integer(self.raw.shape[1]))

    def _scores(self) -> Tensor:
        if self.scale != "decision":
            return self._probabilities()
        self._need_classes("scores")
        values = self._values()
        return values[:, 1] - values[:, 0] if self.task == "binary" and not self._is_single else values

    def _probabilities(self) -> Tensor:
        self._need_classes("probabilities")
        if self.scale in _WITHOUT_PROBABILITIES:
            raise BuildError(
                f"it needs probabilities, and the model gives {_WITHOUT_PROBABILITIES[self.scale]} alone", code="MG370"
            )
        if self._is_single:
            single = in_double(self._single)
            return single if self.scale == "probabilities" else single.sigmoid()
        rows = in_double(self.raw)
        rows = rows if self.scale == "probabilities" else rows.softmax(1)
        return rows[:, 1] if self.task == "binary" else rows

    def _values(self) -> Tensor:
        return self._single if self._is_single else self.raw

    @property
    def _is_single(self) -> bool:
        return self.raw.ndim == 1 or (self.raw.ndim == 2 and self.raw.shape[1] == 1)

    @property
    def _single(self) -> Tensor:
        return self.raw.reshape(len(self.raw))

    def _need_classes(self, form: str) -> None:
        if self.task == "regression":
            raise BuildError(f"a regression task has no {form}", code="MG330")


class Gathering:
    """The batches of a split, of which what `wanted` asks for is kept, or the raw outputs where those are smaller.

    `wanted` is None where somebody wants the raw outputs themselves.
    """

    def __init__(self, wanted: Collection[Given] | None, task: Task, scale: Scale) -> None:
        self._wanted = wanted
        self._task = task
        self._scale = scale
        self._raw: list[Any] = []
        self._targets: list[Any] = []
        self._parts: dict[Given, list[Tensor]] = {}
        self._keeps_parts: bool | None = None

    def add(self, raw: Any, target: Any) -> None:
        """Keep what is wanted of raw outputs [N, ...] and targets [N, ...]."""
        if self._keeps_parts is None:
            self._keeps_parts = self._are_parts_smaller(raw, target)
        if self._keeps_parts:
            batch = Outputs(raw, target, self._task, self._scale)
            for given in self._wanted or ():
                self._parts.setdefault(given, []).append(batch.read(given))
            raw = raw.new_empty((0, *raw.shape[1:]))
        if self._wanted is None or self._wanted:
            self._raw.append(raw)
            self._targets.append(self._compact(target))

    def outputs(self) -> Outputs | None:
        """What was kept of the whole split; None where nothing is wanted of it."""
        if not self._targets:
            return None
        parts = {given: torch.cat(each) for given, each in self._parts.items()}
        return Outputs(concatenate(self._raw), concatenate(self._targets), self._task, self._scale, parts)

    def _are_parts_smaller(self, raw: Any, target: Any) -> bool:
        if self._wanted is None or not isinstance(raw, Tensor):
            return False
        batch = Outputs(raw, target, self._task, self._scale)
        return sum(batch.read(given).nbytes for given in self._wanted) < raw.nbytes

    def _compact(self, target: Any) -> Any:
        if self._task == "regression" or not isinstance(target, Tensor):
            return target
        classes = class_indices(target)
        return classes.int() if classes.dtype is torch.int64 else classes


def concatenate(batches: Sequence[Any]) -> Any:
    """Batches of tensors one after the other; of mappings and sequences of tensors, each of their entries."""
    first = batches[0]
    if isinstance(first, Tensor):
        return torch.cat(list(batches))
    if isinstance(first, Mapping):
        return {key: concatenate([each[key] for each in batches]) for key in first}
    return [concatenate(each) for each in zip(*batches, strict=True)]


def smallest_integer(num_classes: int) -> torch.dtype:
    """The type of the fewest bytes that holds so many classes."""
    return torch.uint8 if num_classes <= _MOST_IN_A_BYTE else torch.int32


def in_double(tensor: Tensor) -> Tensor:
    """The same numbers with 64 bits, on the CPU where the device has no such numbers."""
    return (tensor.cpu() if tensor.device.type == "mps" else tensor).double()


def in_single(tensor: Tensor) -> Tensor:
    """Numbers of half precision, as of a model under autocast, with 32 bits; others as they are."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def _wide(tensor: Tensor) -> Tensor:
    """Whole numbers with 64 bits, so that whoever computes with them need not think of it."""
    return tensor if tensor.is_floating_point() else tensor.long()


def _to_numpy(tensor: Tensor) -> NDArray[Any]:
    tensor = tensor.detach().cpu()
    array: NDArray[Any] = (tensor.float() if tensor.dtype is torch.bfloat16 else tensor).numpy()
    return np.ascontiguousarray(array)
