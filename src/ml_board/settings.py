"""What a service of the board is told when it starts.

Owns the values and the rule of which web pages may speak to it. Knows no service.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

LOOPBACK = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?\Z")
"""Pages that this machine itself serves: the board started apart from its endpoints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a service serves, and the origins whose pages may use it beside its own."""

    event_storage_path: Path
    origins: tuple[re.Pattern[str], ...] = (LOOPBACK,)
    max_upload_bytes: int = 16 * 2**30

    def allows(self, origin: str, own_origin: str) -> bool:
        """Whether a page of `origin` may use the service that is reached as `own_origin`, or so by a proxy with TLS."""
        scheme, _, host = origin.partition("://")
        is_own = scheme in ("http", "https") and host == own_origin.partition("://")[2]
        return is_own or any(pattern.fullmatch(origin) for pattern in self.origins)


def origin_patterns(origins: Iterable[str]) -> tuple[re.Pattern[str], ...]:
    """Patterns that match exactly `origins`; `*` matches any."""
    return tuple(re.compile(r".*\Z" if origin == "*" else re.escape(origin.rstrip("/")) + r"\Z") for origin in origins)
