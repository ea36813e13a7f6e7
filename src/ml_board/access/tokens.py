"""The tokens that a service is given, by its environment and by a file.

Owns the file's format and what is said of one that does not fit. Compares none: that is for `auth`.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from ml_board.access.auth import ALL_RIGHTS, Right, Token
from mlgym_core.errors import RunError

_LOG = logging.getLogger(__name__)
BAD_TOKENS = "MG622"
TOKEN_VARIABLE = "MLGYM_TOKEN"
FILE_VARIABLE = "MLGYM_TOKEN_FILE"
MAKE_ONE = "python -c 'import secrets; print(secrets.token_urlsafe(32))'"
SHORT = 16
"""Characters below which a token is told to be weak."""
_FORM = "a list of {name, token, rights: [read, write, admin], expires: DATE}, or one bare token a line"


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    token: str
    rights: frozenset[Right]
    expires: dt.datetime | None = None


def read_tokens(environ: Mapping[str, str], path: Path | None = None) -> list[Token]:
    """The token of MLGYM_TOKEN, which has all rights, and those of the file `path`, else of MLGYM_TOKEN_FILE.

    Raises:
        RunError: a file that cannot be read or does not fit; the message names the line, never a token.
    """
    tokens = []
    if secret := environ.get(TOKEN_VARIABLE, "").strip():
        tokens.append(_token(secret, TOKEN_VARIABLE, ALL_RIGHTS, where=TOKEN_VARIABLE))
    path = path or (Path(environ[FILE_VARIABLE]) if environ.get(FILE_VARIABLE) else None)
    return tokens + read_token_file(path) if path else tokens


def read_token_file(path: Path) -> list[Token]:
    """The tokens of a file, at least one. Raises RunError as `read_tokens` does."""
    try:
        text = path.read_text("utf-8")
        mode = path.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        raise _refusal(str(path), f"cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if mode & 0o077:
        _LOG.warning("%s can be read by others of this machine: chmod 600 %s", path, path)
    lines = [line.strip() for line in text.splitlines()]
    first = next((line for line in lines if line and not line.startswith("#")), "")
    is_yaml = first == "-" or first.startswith(("- ", "---"))
    tokens = list(_yaml_tokens(text, path) if is_yaml else _bare_tokens(lines, path))
    if not tokens:
        raise _refusal(str(path), "holds no token")
    names = [token.name for token in tokens]
    for name in names:
        if names.count(name) > 1:
            raise _refusal(str(path), f"names {name!r} twice")
    return tokens


def _bare_tokens(lines: list[str], path: Path) -> Iterator[Token]:
    for number, line in enumerate(lines, 1):
        if line and not line.startswith("#"):
            yield _token(line, f"{path.name}:{number}", ALL_RIGHTS, where=f"{path}:{number}")


def _yaml_tokens(text: str, path: Path) -> Iterator[Token]:
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        if not isinstance(root, yaml.SequenceNode):
            raise _refusal(str(path), "is no list")
        for node in root.value:
            where = f"{path}:{node.start_mark.line + 1}"
            try:
                entry = msgspec.convert(_with_time(loader.construct_object(node, deep=True)), _Entry)
            except (msgspec.ValidationError, TypeError, ValueError) as error:
                raise _refusal(where, f"does not fit: {error}") from error
            yield _token(entry.token, entry.name, entry.rights, where=where, expires=entry.expires)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise _refusal(where, f"is no YAML: {getattr(error, 'problem', 'it cannot be read')}") from error
    finally:
        loader.dispose()


def _token(
    secret: str, name: str, rights: frozenset[Right], *, where: str, expires: dt.datetime | None = None
) -> Token:
    if not secret or not secret.isascii() or not secret.isprintable() or " " in secret:
        raise _refusal(where, "holds no token: one word of letters, digits and signs")
    if len(secret) < SHORT:
        _LOG.warning("the token in %s is short, so that it can be guessed; this makes one: %s", where, MAKE_ONE)
    return Token(secret=secret, name=name, rights=rights, expires_at=_seconds(expires) if expires else None)


def _with_time(entry: Any) -> Any:
    """A day ends a token with its beginning."""
    if isinstance(entry, dict) and type(entry.get("expires")) is dt.date:
        return {**entry, "expires": dt.datetime.combine(entry["expires"], dt.time())}
    return entry


def _seconds(moment: dt.datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()


def _refusal(where: str, fault: str) -> RunError:
    return RunError(f"{where} {fault}", code=BAD_TOKENS, hint=f"it is {_FORM}; this makes a token: {MAKE_ONE}")
