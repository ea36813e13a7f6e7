"""A server's REST interface as the place that a run is read back from.

Owns the requests and what their failures become. Knows neither what is done with a run, nor the socket.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import requests

from mlgym_core.errors import RunError
from mlgym_core.events.files import writing
from mlgym_core.events.lock import Liveness
from mlgym_core.publish.endpoint import BearerAuth, code_of, told

UNREACHABLE = "MG430"
BROKEN = "MG432"
_TIMEOUT_S = (5, 60)
_CHUNK_BYTES = 2**20


class AbsentError(RunError):
    """A server says that what it was asked for is not there."""


class Store:
    """The runs that the REST endpoint `url` tells of to who shows `token`.

    Raises, in each method:
        RunError: it could not be reached, or does not tell (UNREACHABLE); an AbsentError where it has not what is asked
            for.
    """

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url.rstrip("/")
        self._session = requests.Session()
        self._session.auth = BearerAuth(token)

    def close(self) -> None:
        """Ends the connection."""
        self._session.close()

    def reach(self) -> None:
        """Returns where it answers."""
        with self._asking("api/session"):
            pass

    def find(self, run_id: str) -> tuple[str, Liveness]:
        """The id of a run, which may be asked for as `last`, and whether anybody publishes to it."""
        with self._asking(f"api/runs/{run_id}") as answer:
            found = answer.json()
        return found["run"]["run_id"], found["liveness"]

    def fetch_log(self, run_id: str, path: Path) -> None:
        """Stores the log of a run as it stands there."""
        self._fetch(f"api/runs/{run_id}/log", path)

    def fetch(self, route: str, path: Path, sha256: str) -> None:
        """Stores the file that lies at `route`; raises RunError where it has another SHA-256 (BROKEN), too."""
        if self._fetch(route, path) != sha256:
            raise RunError(
                f"{self.url}/{route} is not the file that the log tells of",
                code=BROKEN,
                hint="`mlgym verify` on the server says what is wrong; restore it there from a copy",
            )

    def epochs(self, run_id: str, experiment_id: int) -> set[int]:
        """The epochs at whose end it has files of an experiment's checkpoint."""
        with self._asking(f"checkpoint_list/{run_id}/{experiment_id}") as answer:
            return {int(each["epoch"]) for each in answer.json()}

    def delete(self, route: str) -> None:
        """Deletes what lies at `route`; nothing happens where there is nothing."""
        try:
            answer = self._session.delete(f"{self.url}/{route}", timeout=_TIMEOUT_S)
        except requests.RequestException as error:
            raise self._refusal(str(error)) from error
        if not answer.ok and answer.status_code != HTTPStatus.NOT_FOUND:
            raise self._refusal(told(answer))

    def _fetch(self, route: str, path: Path) -> str:
        digest = hashlib.sha256()
        with self._asking(route) as answer:
            chunks = answer.iter_content(_CHUNK_BYTES)
            with writing(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                file = path.open("wb")
            with file:
                for chunk in chunks:
                    digest.update(chunk)
                    with writing(path):
                        file.write(chunk)
        return digest.hexdigest()

    @contextmanager
    def _asking(self, route: str) -> Iterator[requests.Response]:
        try:
            with self._session.get(f"{self.url}/{route}", timeout=_TIMEOUT_S, stream=True) as answer:
                if not answer.ok:
                    raise self._refusal(told(answer), AbsentError if _is_absent(answer) else RunError)
                yield answer
        except requests.RequestException as error:
            raise self._refusal(str(error)) from error

    def _refusal(self, why: str, kind: type[RunError] = RunError) -> RunError:
        return kind(
            f"{self.url} does not tell of the run: {why}",
            code=UNREACHABLE,
            hint="a run that is kept on a server goes on only where that says how far it got: --server URL names it",
        )


def _is_absent(answer: requests.Response) -> bool:
    """Whether the service itself says so: what stands before it may not know the service, or not yet."""
    return answer.status_code == HTTPStatus.NOT_FOUND and code_of(answer) is not None
