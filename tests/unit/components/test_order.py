import random

import pytest
import torch

from mlgym_core.components.data.order import derive_seed, random_order, weighted_order


def test_an_order_is_a_permutation_that_depends_on_seed_and_epoch_alone() -> None:
    order = random_order(100, seed=3, epoch=4)

    assert sorted(order.tolist()) == list(range(100))
    torch.manual_seed(99)
    assert torch.equal(order, random_order(100, seed=3, epoch=4))
    assert not torch.equal(order, random_order(100, seed=4, epoch=3))
    assert not torch.equal(order, random_order(100, seed=3, epoch=5))


def test_drawing_an_order_leaves_the_global_generators_alone() -> None:
    before = torch.get_rng_state(), random.getstate()

    random_order(10, seed=1, epoch=0)
    weighted_order(torch.tensor([0.5, 0.5, 1]), seed=1, epoch=0)

    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == random.getstate()


def test_a_weighted_order_draws_by_weight() -> None:
    weights = torch.tensor([1.0] * 9_900 + [99.0] * 100)

    drawn = weighted_order(weights, seed=0, epoch=0)

    assert (drawn >= 9_900).float().mean().item() == pytest.approx(0.5, abs=0.03)


def test_derived_seeds_tell_the_order_and_the_kind_of_their_parts() -> None:
    seeds = {derive_seed(1, 2), derive_seed(2, 1), derive_seed("1", 2), derive_seed(12), derive_seed(1, 2, 0)}

    assert len(seeds) == 5
    assert all(0 <= seed < 2**63 for seed in seeds)
