"""In which order the samples of an epoch come: a pure function of (seed, epoch), so that any epoch can be repeated.

Owns seeds and orders. It knows neither samples nor batches, and never touches a global random generator.
"""

from __future__ import annotations

import hashlib
from typing import Literal, TypeAlias

import torch
from torch import Tensor

Sampling: TypeAlias = Literal["random", "weighted", "in_order"]


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


def weighted_order(labels: Tensor, seed: int, epoch: int) -> Tensor:
    """N samples drawn with replacement so that each class of `labels` [N] is as likely as any other: [N]."""
    _, class_of, count_of = torch.unique(labels, return_inverse=True, return_counts=True)
    weights = 1.0 / count_of.double()[class_of]
    return torch.multinomial(weights, len(labels), replacement=True, generator=generator_of("order", seed, epoch))
