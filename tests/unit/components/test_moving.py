from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

import torch

from mlgym_core.components.data.moving import move


class Pair(NamedTuple):
    left: torch.Tensor
    right: list[torch.Tensor]


@dataclass(frozen=True)
class Graph:
    nodes: torch.Tensor
    edges: dict[str, torch.Tensor]
    name: str


class Packed:
    """A batch of a library's own, which moves itself."""

    def __init__(self, data: torch.Tensor) -> None:
        self.data = data

    def to(self, device: torch.device) -> "Packed":
        return Packed(self.data.to(device))


META = torch.device("meta")


def test_a_batch_of_any_form_is_moved_whole() -> None:
    graph = Graph(nodes=torch.ones(3, 2), edges={"a": torch.ones(4)}, name="g")
    batch = {"pair": Pair(torch.ones(1), [torch.ones(2)]), "graph": graph, "own": Packed(torch.ones(1)), "n": 3}

    moved = move(batch, META)

    assert isinstance(moved["pair"], Pair)
    assert (moved["pair"].left.device, moved["pair"].right[0].device) == (META, META)
    assert (moved["graph"].nodes.device, moved["graph"].edges["a"].device, moved["graph"].name) == (META, META, "g")
    assert (moved["own"].data.device, moved["n"]) == (META, 3)
    assert graph.nodes.device == torch.device("cpu")
    assert type(move(OrderedDict(a=torch.ones(1)), META)) is OrderedDict
    assert type(move((torch.ones(1),), META)) is tuple
