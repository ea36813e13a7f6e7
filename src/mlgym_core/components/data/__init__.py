"""Data: sets, what is made of them, features, splits and loaders; importing this registers them all."""

from mlgym_core.components.data import (
    archives,
    bundled,
    collators,
    feature_sets,
    features,
    idx,
    loaders,
    operations,
    splits,
    tables,
    transforms,
)

__all__ = [
    "archives",
    "bundled",
    "collators",
    "feature_sets",
    "features",
    "idx",
    "loaders",
    "operations",
    "splits",
    "tables",
    "transforms",
]
