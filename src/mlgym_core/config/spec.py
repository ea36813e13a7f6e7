"""The specification of one experiment: all that a worker needs to know to train it, and its identity.

Knows nothing of YAML, components or processes; it is plain data and can be pickled.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from mlgym_core.errors import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentSpec:
    """One point of a grid.

    `config` is resolved: defaults filled in, values coerced, no sweeps. `choices` maps the dotted path of each
    swept value to the value chosen here. `search_path` is the folder that relative paths begin at. `places` says where
    each component stands, by its dotted path, for messages.
    """

    experiment_id: int
    config: dict[str, Any]
    config_hash: str
    choices: dict[str, Any] = field(default_factory=dict)
    search_path: str = ""
    places: dict[str, Place] = field(default_factory=dict)


def canonical_hash(config: object) -> str:
    """Lower-case hex SHA-256 of the canonical JSON of `config`: blind to key order, not to list order.

    1 and 1.0 differ, as their types do. Floats are written with the shortest digits that read back equal.
    """
    text = json.dumps(config, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=True)
    return hashlib.sha256(text.encode()).hexdigest()
