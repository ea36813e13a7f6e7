"""The model of the configurations beside this, undecorated so that a test registers it where it likes."""

from pydantic import PositiveInt
from torch import nn


class ConvNet(nn.Module):
    def __init__(self, channels: tuple[PositiveInt, PositiveInt], hidden: PositiveInt = 128) -> None: ...
