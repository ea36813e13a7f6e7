"""The routes of a server, as its own OpenAPI document lists them, and requests that no library tidies up on the way."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
from rig import PATIENCE_S

SLOT = re.compile(r"\{(\w+)\}")
BOUNDARY = "0123456789"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A method and a path with slots in braces."""

    method: str
    path: str

    @property
    def slots(self) -> list[str]:
        """Their names."""
        return SLOT.findall(self.path)

    def fill(self, values: Mapping[str, str]) -> str:
        """The path with a value in each slot."""
        return SLOT.sub(lambda slot: values[slot[1]], self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def code(self) -> str | None:
        """The error's code, where it is one in the project's form."""
        try:
            return str(json.loads(self.body)["error"]["code"])
        except (ValueError, KeyError, TypeError):
            return None


def list_routes(url: str, token: str | None = None) -> list[Route]:
    """All that the OpenAPI document has."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    document = requests.get(f"{url}/api/openapi.json", headers=headers, timeout=PATIENCE_S).json()
    return [
        Route(method=method.upper(), path=path)
        for path, item in document["paths"].items()
        for method in item
        if method in ("get", "put", "post", "delete", "patch")
    ]


class RawClient:
    """Sends paths as they are; a connection that the server ended is begun anew."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url).netloc
        self._connection = http.client.HTTPConnection(self._address, timeout=PATIENCE_S)

    def ask(
        self, route: Route, path: str, headers: Mapping[str, str] | None = None, file_name: str = "model"
    ) -> Answer:
        """The answer to a request that has a body where the route takes one."""
        body, kind = make_body(route, file_name)
        sent = {**({"Content-Type": kind} if body else {}), **(headers or {})}
        try:
            return self._ask_once(route.method, path, body, sent)
        except ConnectionError:  # it may have idled for too long
            return self._ask_once(route.method, path, body, sent)

    def close(self) -> None:
        """Hangs up."""
        self._connection.close()

    def _ask_once(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        try:
            self._connection.request(method, path, body=body, headers=headers)
            response = self._connection.getresponse()
            return Answer(status=response.status, headers=response.headers, body=response.read())
        except (http.client.HTTPException, OSError):
            self.close()
            self._connection = http.client.HTTPConnection(self._address, timeout=PATIENCE_S)
            raise


def make_body(route: Route, file_name: str) -> tuple[bytes | None, str]:
    """A body that the route would take, and its type."""
    if route.method == "PUT":
        file_format = "JSON" if "{experiment_id}" in route.path else "YAML"
        return json.dumps({"file_format": file_format, "content": "{}"}).encode(), "application/json"
    if route.method == "POST":
        part = f'Content-Disposition: form-data; name="checkpoint_file"; filename="{file_name}"'
        whole = f"--{BOUNDARY}\r\n{part}\r\n\r\nbytes\r\n--{BOUNDARY}--\r\n"
        return whole.encode("utf-8", "surrogateescape"), f"multipart/form-data; boundary={BOUNDARY}"
    return None, ""
