"""Changes of inputs that training sees anew in each epoch.

Owns what happens to one input. A transform draws from torch's global generator, which is seeded for each sample before
it is called: what it does is a function of (seed, epoch, index), in whichever process.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import torch
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor

from mlgym_core.errors import BuildError
from mlgym_core.registry import register

Chance: TypeAlias = Annotated[float, Field(ge=0, le=1)]


@register("transform", "random_flip")
class RandomFlip:
    """Mirrors an image [..., H, W] by chance.

    Args:
        axis: Horizontal exchanges left and right, vertical exchanges top and bottom.
        chance: How likely an image is mirrored.
    """

    def __init__(self, axis: Literal["horizontal", "vertical"] = "horizontal", chance: Chance = 0.5) -> None:
        self._dimension = -1 if axis == "horizontal" else -2
        self._chance = chance

    def __call__(self, inputs: Tensor) -> Tensor:
        """The image [..., H, W], mirrored or not."""
        _need_image(inputs)
        return inputs.flip(self._dimension) if torch.rand(()) < self._chance else inputs


@register("transform", "random_shift")
class RandomShift:
    """Moves an image [..., H, W] up or down and left or right; what comes in is filled.

    Args:
        max_shift: The most pixels that it is moved by in each direction.
        fill: The value of pixels that come in.
    """

    def __init__(self, max_shift: PositiveInt, fill: float = 0.0) -> None:
        self._max_shift = max_shift
        self._fill = fill

    def __call__(self, inputs: Tensor) -> Tensor:
        """The image [..., H, W], moved."""
        _need_image(inputs)
        height, width = inputs.shape[-2:]
        padded = torch.nn.functional.pad(inputs, [self._max_shift] * 4, value=self._fill)
        top, left = torch.randint(0, 2 * self._max_shift + 1, (2,)).tolist()
        return padded[..., top : top + height, left : left + width]


@register("transform", "random_erase")
class RandomErase:
    """Blanks a square at a random place of an image [..., H, W], as in DeVries and Taylor, 2017, arXiv:1708.04552.

    Args:
        size: The side of the square in pixels; where its middle is near the border, a part of it is outside.
        chance: How likely an image is changed.
        fill: The value of the pixels in the square.
    """

    def __init__(self, size: PositiveInt, chance: Chance = 1.0, fill: float = 0.0) -> None:
        self._size = size
        self._chance = chance
        self._fill = fill

    def __call__(self, inputs: Tensor) -> Tensor:
        """The image [..., H, W] with a blank square in it."""
        _need_image(inputs)
        if torch.rand(()) >= self._chance:
            return inputs
        rows, columns = (self._span(side) for side in inputs.shape[-2:])
        erased = inputs.clone()
        erased[..., rows, columns] = self._fill
        return erased

    def _span(self, side: int) -> slice:
        start = int(torch.randint(0, side, ())) - self._size // 2
        return slice(max(0, start), max(0, start + self._size))


@register("transform", "gaussian_noise")
class GaussianNoise:
    """Adds noise to each value of an input of any shape.

    Args:
        deviation: The noise's standard deviation, in the unit of the inputs.
    """

    def __init__(self, deviation: NonNegativeFloat) -> None:
        self._deviation = deviation

    def __call__(self, inputs: Tensor) -> Tensor:
        """The input with noise."""
        return inputs + self._deviation * torch.randn_like(inputs)


@register("transform", "feature_dropout")
class FeatureDropout:
    """Sets values of an input of any shape to a fill value by chance; the others stay as they are.

    Args:
        chance: How likely each value is replaced.
        fill: What it is replaced by.
    """

    def __init__(self, chance: Chance, fill: float = 0.0) -> None:
        self._chance = chance
        self._fill = fill

    def __call__(self, inputs: Tensor) -> Tensor:
        """The input with values replaced."""
        return inputs.masked_fill(torch.rand(inputs.shape) < self._chance, self._fill)


def _need_image(inputs: Tensor) -> None:
    if inputs.ndim < 2:
        raise BuildError(
            f"the transform takes images [..., H, W], but an input has the shape {list(inputs.shape)}",
            code="MG365",
            hint="gaussian_noise and feature_dropout take inputs of any shape",
        )
