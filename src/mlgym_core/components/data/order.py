"""In which order the samples of an epoch come: a pure function of (seed, epoch), so that any epoch can be repeated.

Owns seeds and orders. It knows neither samples nor batches, and never touches a global random generator.
"""

from __future__ import annotations

import hashlib
from typing import Literal, TypeAlias

import torch
from pydantic import NonNegativeFloat
from torch import Tensor

Sampling: TypeAlias = Literal["random", "weighted", "in_order"] | list[NonNegativeFloat]
"""All once at random, drawn so that all classes are as likely, all once in order, or drawn with a weight a class."""


def derive_seed(*parts: int | str) -> int:
    """A seed of 63 bits that depends on each of `parts` and their order."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator_of(*parts: int | str) -> torch.Generator:
    """A generator of its own, seeded with `derive_seed(*parts)`."""
    return torch.Generator().manual_seed(derive_seed(*parts))


def random_order(num_samples: int, seed: int, epoch: int) -> Tensor:
    """A permutation [N] of the samples."""
    return torch.randperm(num_samples, generator=generator_of("order", seed, epoch))


def weighted_order(weights: Tensor, seed: int, epoch: int) -> Tensor:
    """N samples [N] drawn with replacement, each as likely as its weight among `weights` [N] says."""
    return torch.multinomial(weights, len(weights), replacement=True, generator=generator_of("order", seed, epoch))
