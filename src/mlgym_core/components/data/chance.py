"""The global random generators while samples are fetched: seeded for each sample, and as they were afterwards.

Owns Python's, NumPy's and torch's generators of the CPU, with which samples are drawn and changed. It knows no sample.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.random import mtrand

_OF_SAMPLES = np.random.MT19937(0)


@contextmanager
def chance_kept() -> Iterator[None]:
    """Gives the generators back as they were, so that training goes on as if nobody had drawn from them."""
    of_python, of_torch = random.getstate(), torch.get_rng_state()
    # NumPy draws from another generator meanwhile: to copy its state twice takes longer than to read some samples.
    of_numpy = mtrand.get_bit_generator()
    mtrand.set_bit_generator(_OF_SAMPLES)
    try:
        yield
    finally:
        random.setstate(of_python)
        mtrand.set_bit_generator(of_numpy)
        torch.set_rng_state(of_torch)


def seed_chance(seed: int) -> None:
    """Seed Python's, NumPy's and torch's, but those of devices."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    # torch.manual_seed would seed the devices too, whose generators belong to training.
    torch.default_generator.manual_seed(seed)
