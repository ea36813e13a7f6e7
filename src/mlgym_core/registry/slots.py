"""The top-level words of a configuration: what is a slot, of which kind it is, which are there by default.

Knows no component; a registry may know more kinds than are named here.
"""

from __future__ import annotations

KIND_OF_SLOT = {
    "data": "data",
    "splits": "splits",
    "features": "features",
    "collator": "collator",
    "loaders": "loaders",
    "model": "model",
    "optimizer": "optimizer",
    "lr_scheduler": "lr_scheduler",
    "loss": "loss",
    "losses": "loss",
    "metrics": "metric",
    "early_stopping": "early_stopping",
    "checkpointing": "checkpointing",
    "trainer": "trainer",
    "evaluator": "evaluator",
    "injectable": "injectable",
}
"""The kind of component that stands in a slot of that name; any other slot says its `kind`."""

LIST_SLOTS = frozenset({"losses", "metrics"})
"""Slots that always hold a list of components."""

SLOTS_WITH_DEFAULT = ("trainer", "evaluator", "checkpointing")
"""Slots that are added where they are absent and their kind has a default component."""
