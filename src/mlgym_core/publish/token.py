"""The secret by which servers know this publisher: from the environment, or from a file that it names.

Owns where it comes from. It is sent in headers and in the socket's `auth`, never in an address.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mlgym_core.errors import RunError

TOKEN = "MLGYM_TOKEN"
TOKEN_FILE = "MLGYM_TOKEN_FILE"
BAD_TOKEN = "MG112"


def bearer(token: str | None) -> dict[str, str]:
    """The header that carries `token`."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def read_token(environ: Mapping[str, str]) -> str | None:
    """The token that the environment gives, or the file that it names; None where there is neither.

    Raises:
        RunError: the file cannot be read, or what was given is no token.
    """
    token = environ.get(TOKEN, "").strip()
    path = environ.get(TOKEN_FILE, "").strip()
    if token or not path:
        return _check(token, TOKEN) if token else None
    try:
        return _check(Path(path).read_text(encoding="utf-8").strip(), path)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise RunError(
            f"cannot read the token in {path}: {why}", code=BAD_TOKEN, hint=f"{TOKEN_FILE} names it"
        ) from error


def _check(token: str, where: str) -> str:
    if token and token.isascii() and token.isprintable() and " " not in token:
        return token
    # Never what stands there: it would come into a log.
    raise RunError(f"{where} holds no token", code=BAD_TOKEN, hint="it is one word of letters, digits and signs")
