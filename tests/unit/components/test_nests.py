from dataclasses import dataclass

import torch

from mlgym_core.components.data.nests import count_samples


@dataclass(frozen=True)
class Graph:
    name: str
    nodes: torch.Tensor


def test_samples_are_counted_in_the_first_tensor_that_has_any() -> None:
    assert count_samples(torch.ones(5, 2)) == 5
    assert count_samples({"n": 3, "scalar": torch.tensor(1.0), "x": (torch.ones(4),)}) == 4
    assert count_samples(Graph(name="g", nodes=torch.ones(3, 2))) == 3
    assert count_samples(["text"]) is None
