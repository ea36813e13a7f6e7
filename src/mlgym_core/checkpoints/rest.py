"""Checkpoints on a server, over the REST routes for checkpoints.

Owns those requests alone. A checkpoint of which a file could not be sent is taken back, so that it is absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import requests

from mlgym_core.checkpoints.digests import describe
from mlgym_core.errors import StoreError
from mlgym_core.events.codes import NOT_FOUND
from mlgym_core.events.types import Resource

_TIMEOUT_S = 30
_REFUSED = "MG411"


class RestCheckpoints:
    """The checkpoints of one run on the server at `endpoint`."""

    def __init__(self, endpoint: str, run_id: str, session: requests.Session | None = None) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._run_id = run_id
        self._session = session or requests.Session()

    def save(self, experiment_id: int, epoch: int, resources: Mapping[str, bytes]) -> list[Resource]:
        """What was stored; see `Checkpoints.save`."""
        self.delete(experiment_id, epoch)
        try:
            for name, content in sorted(resources.items()):
                url = self._checkpoint(experiment_id, epoch)
                self._request("POST", url, files={"checkpoint_file": (name, content)})
        except StoreError:
            self.delete(experiment_id, epoch)
            raise
        return describe(resources)

    def load(self, experiment_id: int, epoch: int, resource: str) -> bytes:
        """The bytes of a file; see `Checkpoints.load`."""
        response = self._request("GET", f"{self._checkpoint(experiment_id, epoch)}/{resource}")
        return response.content

    def delete(self, experiment_id: int, epoch: int) -> None:
        """Remove a checkpoint; see `Checkpoints.delete`."""
        self._request("DELETE", self._checkpoint(experiment_id, epoch), may_be_absent=True)

    def epochs(self, experiment_id: int) -> list[int]:
        """The epochs that have a checkpoint, in order."""
        response = self._request("GET", f"/checkpoint_list/{self._run_id}/{experiment_id}")
        return sorted(int(each["epoch"]) for each in response.json())

    def _checkpoint(self, experiment_id: int, epoch: int) -> str:
        return f"/checkpoints/{self._run_id}/{experiment_id}/{epoch}"

    def _request(
        self,
        method: str,
        path: str,
        *,
        files: Mapping[str, tuple[str, bytes]] | None = None,
        may_be_absent: bool = False,
    ) -> requests.Response:
        url = f"{self._endpoint}{path}"
        try:
            response = self._session.request(method, url, files=files, timeout=_TIMEOUT_S)
        except requests.RequestException as error:
            raise StoreError(
                f"cannot reach {self._endpoint}: {type(error).__name__}",
                code=_REFUSED,
                hint="start it with `ml_board_rest_endpoint`, or name the one that runs",
            ) from error
        if response.status_code == HTTPStatus.NOT_FOUND:
            if may_be_absent:
                return response
            raise StoreError(f"there is no {path} at {self._endpoint}", code=NOT_FOUND)
        if not response.ok:
            raise StoreError(f"{method} {url} was answered with {response.status_code}: {response.text}", code=_REFUSED)
        return response
