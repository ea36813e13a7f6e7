"""Who asks, and what they may do: tokens and their rights.

The one place where a token is compared; socket and REST ask here, and accounts will be built on it. Knows no route.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Right: TypeAlias = Literal["read", "write", "admin"]
ALL_RIGHTS: frozenset[Right] = frozenset({"read", "write", "admin"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A secret and what its holder may do; `expires_at` in seconds since the epoch, None for never."""

    secret: str
    name: str
    rights: frozenset[Right]
    expires_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whoever asked, by the name of their token, and their rights."""

    name: str
    rights: frozenset[Right]


ANYONE = Identity(name="anyone", rights=ALL_RIGHTS)
"""Who asks where no token is set: somebody on this machine."""


class Auth:
    """The tokens of a service; with none of them, everyone has all rights."""

    def __init__(self, tokens: Sequence[Token] = ()) -> None:
        self._tokens = tuple(tokens)

    @property
    def is_open(self) -> bool:
        """Whether no token is set."""
        return not self._tokens

    def identify(self, secret: str | None) -> Identity | None:
        """Whose token this is; None for one that is unknown or has expired."""
        if self.is_open:
            return ANYONE
        given = (secret or "").encode()
        found: Identity | None = None
        for token in self._tokens:  # all of them, so that the time taken tells nothing
            matches = hmac.compare_digest(token.secret.encode(), given)
            if matches and (token.expires_at is None or time.time() < token.expires_at):
                found = Identity(name=token.name, rights=token.rights)
        return found
