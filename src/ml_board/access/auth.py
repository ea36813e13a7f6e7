"""Who asks, and what they may do: tokens, sessions, and their rights.

The one place where a token is compared; socket, REST and pages ask here, and accounts will be built on it. Knows no
route.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.http import parse_cookie

from mlgym_core.errors import MLGymError
from mlgym_core.events.codes import UNAUTHORIZED

Right: TypeAlias = Literal["read", "write", "admin"]
ALL_RIGHTS: frozenset[Right] = frozenset({"read", "write", "admin"})
NOT_ALLOWED = "MG606"
TOO_MANY_TRIES = "MG607"
SESSION_S = 7 * 24 * 3600
MAX_WRONG = 30
"""How many different wrong tokens an address may try in `WRONG_WITHIN_S`."""
WRONG_WITHIN_S = 60.0
_MAX_ADDRESSES = 4096


class AuthError(MLGymError):
    """Someone who may not do what they asked for."""


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

    def check(self, right: Right) -> None:
        """Raises AuthError where they do not have `right`."""
        if right not in self.rights:
            raise AuthError(
                f"the token {self.name!r} has no right to {right}",
                code=NOT_ALLOWED,
                hint=f"use a token whose rights hold {right!r}",
            )


ANYONE = Identity(name="anyone", rights=ALL_RIGHTS)
"""Who asks where no token is set: somebody on this machine."""


class Auth:
    """The tokens of a service; with none of them, everyone has all rights. Any thread may ask."""

    def __init__(self, tokens: Sequence[Token] = (), *, now: Callable[[], float] = time.time) -> None:
        self._tokens = {_digest(token.secret): token for token in tokens}
        self._now = now
        self._wrong = _WrongTokens(now)
        key = _digest("\n".join(sorted(digest.hex() for digest in self._tokens)))
        self._key = hmac.digest(key, b"session", hashlib.sha256)
        self._sessions = URLSafeTimedSerializer(self._key, salt="session")
        # A cookie is sent to every port of its host: services of other tokens must not take away each other's.
        self.cookie = f"mlgym_session_{hmac.digest(self._key, b'name', hashlib.sha256).hex()[:8]}"

    @property
    def is_open(self) -> bool:
        """Whether no token is set."""
        return not self._tokens

    def admit(self, environ: Mapping[str, Any], auth: object = None) -> Identity:
        """Who asks: by the `token` in a socket's `auth`, the bearer header, or the cookie of a session, in this order.

        `environ` is that of WSGI, which python-socketio hands on too.

        Raises:
            AuthError: nobody that is known, or an address that tried too many tokens.
        """
        if self.is_open:
            return ANYONE
        secret = _secret(environ, auth)
        if secret is not None:
            return self.admit_secret(secret, address_of(environ))
        identity = self._of_session(parse_cookie(environ.get("HTTP_COOKIE")).get(self.cookie, ""))
        if identity is None:
            raise AuthError(
                "this service needs a token",
                code=UNAUTHORIZED,
                hint="set MLGYM_TOKEN, or MLGYM_TOKEN_FILE; in a browser, sign in at /login",
            )
        return identity

    def admit_secret(self, secret: str, address: str) -> Identity:
        """Whose token `secret` is, which was sent from `address`. Raises AuthError as `admit` does."""
        digest = _digest(secret)
        self._wrong.check(address, digest)
        identity = self.identify(secret)
        if identity is None:
            self._wrong.add(address, digest)
            raise AuthError(
                "the token is unknown or has expired",
                code=UNAUTHORIZED,
                hint="ask who runs this service for another one",
            )
        return identity

    def identify(self, secret: str | None) -> Identity | None:
        """Whose token this is; None for one that is unknown or has expired."""
        if self.is_open:
            return ANYONE
        given = _digest(secret or "")
        found: Identity | None = None
        for digest, token in self._tokens.items():  # all of them, so that the time taken tells nothing
            if hmac.compare_digest(digest, given):
                found = self._identity(token)
        return found

    def open_session(self, secret: str) -> str:
        """The value of a cookie that stands for `secret` and does not hold it."""
        return self._sessions.dumps(self._stand_in(_digest(secret)))

    def _of_session(self, value: str) -> Identity | None:
        try:
            stand_in = str(self._sessions.loads(value, max_age=SESSION_S))
        except BadSignature:
            return None
        for digest, token in self._tokens.items():
            if hmac.compare_digest(self._stand_in(digest), stand_in):
                return self._identity(token)
        return None

    def _stand_in(self, digest: bytes) -> str:
        return hmac.digest(self._key, digest, hashlib.sha256).hex()[:32]

    def _identity(self, token: Token) -> Identity | None:
        if token.expires_at is not None and self._now() >= token.expires_at:
            return None
        return Identity(name=token.name, rights=token.rights)


class _WrongTokens:
    """The wrong tokens that came from each address of late. One that comes again is counted once.

    So guessing is slow, while a client that goes on with a token of yesterday locks nobody of its address out.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._tried: OrderedDict[str, OrderedDict[bytes, float]] = OrderedDict()

    def check(self, address: str, digest: bytes) -> None:
        """Raises AuthError where `address` has to wait."""
        with self._lock:
            tried = self._tried.get(address, OrderedDict())
            while tried and next(iter(tried.values())) < self._now() - WRONG_WITHIN_S:
                tried.popitem(last=False)
            if len(tried) >= MAX_WRONG and digest not in tried:
                raise AuthError(
                    "too many wrong tokens came from this address",
                    code=TOO_MANY_TRIES,
                    hint=f"try again in {WRONG_WITHIN_S:.0f} seconds",
                )

    def add(self, address: str, digest: bytes) -> None:
        """Counts a wrong token."""
        with self._lock:
            tried = self._tried.setdefault(address, OrderedDict())
            self._tried.move_to_end(address)
            tried.setdefault(digest, self._now())
            if len(self._tried) > _MAX_ADDRESSES:
                self._tried.popitem(last=False)


def address_of(environ: Mapping[str, Any]) -> str:
    """Where a request came from; python-socketio's own entry of it is always 127.0.0.1."""
    scope = environ.get("asgi.scope")
    client = scope.get("client") if isinstance(scope, Mapping) else None
    return str(client[0] if client else environ.get("REMOTE_ADDR", ""))


def _secret(environ: Mapping[str, Any], auth: object) -> str | None:
    token = auth.get("token") if isinstance(auth, Mapping) else None
    if isinstance(token, str) and token:
        return token
    scheme, _, value = str(environ.get("HTTP_AUTHORIZATION", "")).partition(" ")
    return value.strip() if scheme.lower() == "bearer" else None


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
