"""A small network of two named parts, so that each may have its own optimizer."""

from pydantic import PositiveInt
from torch import Tensor, nn

from mlgym_core.registry import register


@register("model", "encoder_net")
class EncoderNet(nn.Module):
    """Digit logits: image_BCHW [B, 1, 8, 8] in 0..1 -> [B, 10].

    Args:
        width: Features between encoder and head.
    """

    def __init__(self, width: PositiveInt = 64) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.GELU(), nn.Linear(width, width), nn.GELU())
        self.head = nn.Linear(width, 10)

    def forward(self, image_BCHW: Tensor) -> Tensor:
        logits: Tensor = self.head(self.encoder(image_BCHW))
        return logits
