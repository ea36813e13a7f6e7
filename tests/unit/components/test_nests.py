from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from typing import NamedTuple

import torch

from mlgym_core.components.data.nests import count_samples, map_tensors, move


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


def test_tensors_are_changed_wherever_they_are() -> None:
    graph = Graph(nodes=torch.ones(3), edges={"a": torch.ones(4)}, name="g")
    outputs = {"graph": graph, "own": Packed(torch.ones(1)), "pair": Pair(torch.ones(1), [torch.ones(2)])}

    halved = map_tensors(outputs, torch.Tensor.half)

    assert (halved["graph"].nodes.dtype, halved["graph"].edges["a"].dtype) == (torch.float16, torch.float16)
    assert (halved["pair"].left.dtype, halved["pair"].right[0].dtype) == (torch.float16, torch.float16)
    assert halved["own"] is outputs["own"]


def test_a_mapping_that_is_not_made_of_items_becomes_a_dict() -> None:
    moved = move(defaultdict(list, a=torch.ones(1)), META)

    assert type(moved) is dict
    assert moved["a"].device == META


def test_samples_are_counted_in_the_first_tensor_that_has_any() -> None:
    assert count_samples(torch.ones(5, 2)) == 5
    assert count_samples({"n": 3, "scalar": torch.tensor(1.0), "x": (torch.ones(4),)}) == 4
    assert count_samples(Graph(name="g", nodes=torch.ones(3, 2), edges={})) == 3
    assert count_samples(["text"]) is None
