"""Memory that ran out while a batch was trained on: torch's own error, told for how many samples and what to do."""

from __future__ import annotations

from typing import Any

import torch

from mlgym_core.components.data.nests import count_samples, shape_of


def is_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, of a device or of the host."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


def note_batch(error: BaseException, inputs: Any, device: torch.device) -> None:
    """Lets an error of memory say which batch was too large for the device, and what to do."""
    if is_of_memory(error):
        error.add_note(
            f"MG345 a batch of {count_samples(inputs)} samples, of shape {shape_of(inputs)}, was too large for the "
            f"memory of {device}\n  a smaller loaders.batch_size, with trainer.accumulate for the same step"
        )
