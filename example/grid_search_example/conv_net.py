"""The model of this example: a user's own component, named in the configuration as `conv_net`."""

from pydantic import PositiveInt
from torch import Tensor, nn

from mlgym_core import register


@register("model", "conv_net")
class ConvNet(nn.Module):
    """Digit logits: image_BCHW [B, 1, 28, 28] in 0..1 -> [B, 10].

    Args:
        channels: Filters of the two convolutions.
        hidden: Units of the layer before the logits.
    """

    def __init__(self, channels: tuple[PositiveInt, PositiveInt], hidden: PositiveInt = 128) -> None:
        super().__init__()
        first, second = channels
        self.layers = nn.Sequential(
            nn.Conv2d(1, first, kernel_size=3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(first, second, kernel_size=3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(second * 5 * 5, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 10),
        )

    def forward(self, image_BCHW: Tensor) -> Tensor:
        return self.layers(image_BCHW)
