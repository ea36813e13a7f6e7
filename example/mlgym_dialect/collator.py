"""A collator as MLgym's configurations name it, by `injectable`: it makes a batch of a list of samples."""

import torch
from torch import Tensor

from mlgym_core import register


@register("injectable", "id_digits_collator")
class DigitsCollator:
    """Stacks samples (image_CHW, label) to a batch (image_BCHW, label_B)."""

    def __call__(self, samples: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        images, labels = zip(*samples, strict=True)
        return torch.stack(images), torch.stack(labels)
