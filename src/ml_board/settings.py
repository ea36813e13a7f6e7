"""What a service of the board is told when it starts.

Owns the values and the rules of which web pages may speak to it, and under which names it answers. Knows no service.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mlgym_core.events.durability import Durability

LOOPBACK = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?\Z")
"""Pages that this machine itself serves: the board started apart from its endpoints."""
_PORT = re.compile(r":\d*\Z")
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
ANY_HOST = "*"
MAX_UPLOAD_BYTES = 16 * 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a service serves, the origins whose pages may use it beside its own, and the names that it answers to."""

    event_storage_path: Path
    origins: tuple[re.Pattern[str], ...] = (LOOPBACK,)
    hosts: frozenset[str] = LOOPBACK_HOSTS
    max_upload_bytes: int = MAX_UPLOAD_BYTES
    durability: Durability = "synced"

    def serves(self, host: str) -> bool:
        """Whether a request may be meant for this service that a browser sends to `host`, which may name a port."""
        return ANY_HOST in self.hosts or _PORT.sub("", host).rstrip(".").lower() in self.hosts

    def allows(self, origin: str, own_origin: str) -> bool:
        """Whether a page of `origin` may use the service that is reached as `own_origin`, or so by a proxy with TLS."""
        scheme, _, host = origin.partition("://")
        is_own = scheme in ("http", "https") and host == own_origin.partition("://")[2]
        return is_own or any(pattern.fullmatch(origin) for pattern in self.origins)


def origin_patterns(origins: Iterable[str]) -> tuple[re.Pattern[str], ...]:
    """Patterns that match exactly `origins`; `*` matches any."""
    return tuple(re.compile(r".*\Z" if origin == "*" else re.escape(origin.rstrip("/")) + r"\Z") for origin in origins)
