"""What identifies the files of a checkpoint. Owns sizes and digests alone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from mlgym_core.checkpoints.protocols import Content
from mlgym_core.events.types import Resource


def describe(resources: Mapping[str, Content]) -> list[Resource]:
    """Name, size and SHA-256 of each file, by name."""
    return [
        Resource(name=name, size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        for name, content in sorted(resources.items())
    ]
