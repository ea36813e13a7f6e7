"""From a list of samples to a batch, where a user has no collator of his own. Owns how samples are put together."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.data import default_collate

from mlgym_core.errors import BuildError
from mlgym_core.registry import register


@register("collator", "default")
class DefaultCollator:
    """Stacks samples of one shape, whatever they are made of: tensors, numbers, dicts, tuples."""

    def __call__(self, samples: list[Any]) -> Any:
        """The batch (inputs, targets)."""
        return default_collate(samples)


@register("collator", "pad")
class PaddingCollator:
    """Sequences [T, ...] of different lengths, filled up at their ends to the longest one of the batch: [B, T, ...].

    Args:
        value: What stands behind the end of a sequence.
        lengths: Give inputs as a dict of the `inputs` and the `lengths` [B] of the sequences.
        targets: Whether the targets are sequences, which are filled up too.
        target_value: What stands behind the end of a target; -100 is what cross entropy leaves out.
    """

    def __init__(
        self, value: float = 0.0, lengths: bool = False, targets: bool = False, target_value: float = -100
    ) -> None:
        self._value = value
        self._lengths = lengths
        self._targets = targets
        self._target_value = target_value

    def __call__(self, samples: list[Any]) -> Any:
        """The batch (inputs, targets).

        Raises:
            BuildError: inputs differ in more than their length.
        """
        sequences = [torch.as_tensor(sample[0]) for sample in samples]
        inputs: Any = _pad(sequences, self._value)
        if self._lengths:
            inputs = {"inputs": inputs, "lengths": torch.tensor([len(each) for each in sequences])}
        if self._targets:
            return inputs, _pad([torch.as_tensor(sample[1]) for sample in samples], self._target_value)
        return inputs, default_collate([sample[1] for sample in samples])


def _pad(sequences: list[Tensor], value: float) -> Tensor:
    shapes = {tuple(each.shape[1:]) if each.ndim else None for each in sequences}
    if None in shapes or len(shapes) > 1:
        found = ", ".join(str(list(each.shape)) for each in sequences[:3])
        raise BuildError(
            f"the collator takes sequences [T, ...] that differ in T alone, but there are shapes such as {found}",
            code="MG366",
        )
    return torch.nn.utils.rnn.pad_sequence(sequences, batch_first=True, padding_value=value)
