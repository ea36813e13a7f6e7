import random

import numpy as np
import torch

from mlgym_core.checkpoints import serialize
from mlgym_core.training.seeding import (
    deterministic_kernels,
    generator_states,
    restore_generators,
    seed_all,
    seed_epoch,
)


def draw() -> tuple[float, float, float]:
    return random.random(), float(np.random.random()), float(torch.rand(()))


def test_all_generators_begin_anew_with_a_seed() -> None:
    seed_all(2**62 + 1)
    first = draw()
    second = draw()
    seed_all(2**62 + 1)

    assert draw() == first
    assert first != second
    seed_all(5)
    assert draw() != first


def test_an_epoch_s_chance_depends_on_seed_and_epoch() -> None:
    found = []
    for seed, epoch in ((1, 2), (1, 2), (2, 1), (1, 3)):
        seed_epoch(seed, epoch)
        found.append(draw())

    assert found[0] == found[1]
    assert len(set(found)) == 3


def test_generators_go_on_from_states_that_were_kept_in_a_checkpoint() -> None:
    seed_all(3)
    # Halves of pairs of normal numbers are kept back by Python's and NumPy's generators.
    random.gauss(0, 1), np.random.standard_normal(), torch.randn(3)
    kept = serialize.dump_json(generator_states(torch.device("cpu")))
    first = random.gauss(0, 1), float(np.random.standard_normal()), float(torch.randn(())), draw()
    draw()

    restore_generators(serialize.load_json(kept))

    assert (random.gauss(0, 1), float(np.random.standard_normal()), float(torch.randn(())), draw()) == first


def test_kernels_are_deterministic_while_it_lasts() -> None:
    with deterministic_kernels():
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.is_deterministic_algorithms_warn_only_enabled()

    assert not torch.are_deterministic_algorithms_enabled()
