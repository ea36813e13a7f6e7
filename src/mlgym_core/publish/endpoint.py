"""A server's REST interface as the place of a run's files.

Owns which files belong to which event, and their requests. Knows neither socket nor log.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

import requests
from requests.auth import AuthBase

from mlgym_core.events.checkpoint_files import folder_of, is_whole
from mlgym_core.events.folder import EXPERIMENT_CONFIG, GRID_SEARCH_CONFIG, SYSTEM_INFO, RunFolder
from mlgym_core.events.names import check_name
from mlgym_core.events.types import (
    AttemptStarted,
    CheckpointDeleted,
    CheckpointSaved,
    ExperimentConfig,
    Payload,
    RunStarted,
)
from mlgym_core.publish.token import bearer

_LOG = logging.getLogger(__name__)
_TIMEOUT_S = (5, 60)
_RESERVE_TIMEOUT_S = 3
_CHUNK_BYTES = 2**20
PRODUCER = "MLgym-Producer"
"""The header that says whose files these are, so that a server can refuse those of an attempt that was replaced."""
UNAUTHORIZED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_TO_TRY_AGAIN = UNAUTHORIZED | {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}


class Endpoint:
    """The REST endpoint `url` as the place of the files of `run`.

    Its methods raise requests.RequestException where the endpoint could not be reached, failed, or does not let this
    publisher in: try again. What it refuses for good is told and left out, because it would be refused again.
    """

    def __init__(self, run: RunFolder, url: str, token: str | None) -> None:
        self._run = run
        self.url = url.rstrip("/")
        self._session = requests.Session()
        self._session.auth = BearerAuth(token)

    def close(self) -> None:
        """Ends the connection."""
        self._session.close()

    def bring(self, payload: Payload, producer: str) -> None:
        """Uploads the files that an event of `producer` speaks of; those that are gone here are left out."""
        run = self._run
        match payload:
            case RunStarted():
                for path in sorted(run.path.glob("*.yml")):
                    self._put(path, "YAML", f"grid_searches/{run.run_id}/{path.name}", producer)
            case ExperimentConfig():
                self._put_of_experiment(payload.experiment_id, EXPERIMENT_CONFIG, producer)
            case AttemptStarted():
                self._put_of_experiment(payload.experiment_id, SYSTEM_INFO, producer)
            case CheckpointSaved():
                self._post(payload, producer)

    def delete(self, deleted: CheckpointDeleted, producer: str) -> None:
        """Deletes the files of a checkpoint, as `producer` told; nothing happens where there are none."""
        self._request("DELETE", route_of(self._run, folder_of(self._run, deleted)), producer)

    def _put_of_experiment(self, experiment_id: int, name: str, producer: str) -> None:
        path = self._run.experiment_config_path(experiment_id, name)
        self._put(path, "JSON", f"grid_searches/{self._run.run_id}/{experiment_id}/{name}", producer)

    def _put(self, path: Path, file_format: str, route: str, producer: str) -> None:
        try:
            content = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        self._request("PUT", route, producer, json={"file_format": file_format, "content": content})

    def _post(self, saved: CheckpointSaved, producer: str) -> None:
        """Uploads a checkpoint, if all of it is here as it was saved.

        It is not where it was sent before and the server has lost it since, where somebody deleted it by hand or for
        want of room, or where a power cut left half of it: who adopts the run makes up for that.
        """
        folder = folder_of(self._run, saved)
        if not is_whole(self._run, saved):
            return
        with ExitStack() as opened:
            try:
                files = {
                    each.name: opened.enter_context((folder / check_name(each.name, "resource")).open("rb"))
                    for each in saved.resources
                }
            except FileNotFoundError:  # deleted just now
                return
            for name, file in files.items():
                form = _Form(name, file)
                headers = {"Content-Type": form.content_type}
                self._request("POST", route_of(self._run, folder), producer, data=form, headers=headers)

    def _request(
        self, method: str, route: str, producer: str, *, headers: Mapping[str, str] = MappingProxyType({}), **body: Any
    ) -> None:
        answer = self._session.request(
            method, f"{self.url}/{route}", headers={PRODUCER: producer, **headers}, timeout=_TIMEOUT_S, **body
        )
        status = answer.status_code
        if answer.ok or (method == "DELETE" and status == HTTPStatus.NOT_FOUND):
            return
        if status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in _TO_TRY_AGAIN:
            # The same request would be refused again, and the events behind it must not wait for ever.
            _LOG.error("%s %s/%s was refused: %s", method, self.url, route, answer.text[:500])
            return
        raise requests.HTTPError(told(answer), response=answer)


def route_of(run: RunFolder, folder: Path) -> str:
    """The route of the checkpoint that lies in `folder`."""
    return f"checkpoints/{run.run_id}/{folder.relative_to(run.path).as_posix()}"


def reserve(url: str | None, token: str | None, run_id: str) -> bool:
    """Whether a run may begin under this name at the REST endpoint `url`, where nobody else then can.

    True also where it cannot be asked: training does not wait for a server.
    """
    if url is None:
        return True
    place = f"{url.rstrip('/')}/grid_searches/{run_id}/{GRID_SEARCH_CONFIG}"
    body = {"file_format": "YAML", "content": ""}
    try:
        answer = requests.put(
            place, json=body, headers={"If-None-Match": "*"}, auth=BearerAuth(token), timeout=_RESERVE_TIMEOUT_S
        )
    except requests.RequestException:
        return True
    return answer.status_code != HTTPStatus.PRECONDITION_FAILED


def told(answer: requests.Response) -> str:
    """Why a server failed or refused: in its own words, where it is one of this project's."""
    try:
        error = answer.json()["error"]
        return f"{error['message']}; {error['hint']}" if error["hint"] else str(error["message"])
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} {answer.reason} for {answer.url}"


def code_of(answer: requests.Response) -> str | None:
    """The code of the error that a server answered with, where it is one of this project's."""
    try:
        return str(answer.json()["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return None


class _Form:
    """A form with one file, read while it is sent: a checkpoint may be larger than the memory."""

    def __init__(self, name: str, file: BinaryIO) -> None:
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        disposition = f'Content-Disposition: form-data; name="checkpoint_file"; filename="{name}"'
        self._head = f"--{boundary}\r\n{disposition}\r\n\r\n".encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self._file = file
        self._size_bytes = file.seek(0, 2)

    def __len__(self) -> int:
        return len(self._head) + self._size_bytes + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        self._file.seek(0)
        while chunk := self._file.read(_CHUNK_BYTES):
            yield chunk
        yield self._tail


class BearerAuth(AuthBase):
    """Puts a token into each request; a `.netrc` of the user's is left alone, as it speaks of other things."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """The request with the token."""
        request.headers.update(bearer(self._token))
        return request
