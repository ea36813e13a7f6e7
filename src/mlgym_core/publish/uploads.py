"""The files that an event speaks of, brought to a server's REST endpoint before the event is sent.

Owns which files belong to which event, and their requests. Knows no socket.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import requests

from mlgym_core.events.codec import decode_event
from mlgym_core.events.folder import EXPERIMENT_CONFIG, SYSTEM_INFO, RunFolder
from mlgym_core.events.log import LogReader
from mlgym_core.events.types import (
    AttemptStarted,
    CheckpointDeleted,
    CheckpointSaved,
    ExperimentConfig,
    Payload,
    RunStarted,
)
from mlgym_core.publish.backoff import Backoff

_LOG = logging.getLogger(__name__)
_TIMEOUT_S = (5, 60)
_CHUNK_BYTES = 2**20
_LOOK_EVERY_S = 1.0


class Uploads:
    """Walks along a staged log in a thread of its own and uploads what the events speak of, until it is closed.

    `advanced` is called when the files of more events are there.
    """

    def __init__(self, staging: RunFolder, url: str, position: int, advanced: Callable[[], None]) -> None:
        self._staging = staging
        self._endpoint = Endpoint(staging, url)
        self._position = position
        self._advanced = advanced
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"uploads to {url}", daemon=True)

    @property
    def position(self) -> int:
        """Of how many events, from the first on, the files are there."""
        return self._position

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def notify(self) -> None:
        """Says that the log grew, or that a try now may succeed."""
        with self._changed:
            self._changed.notify_all()

    def close(self, patience_s: float) -> None:
        """Ends the thread; waits at most `patience_s` for one that hangs."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(patience_s)

    def _run(self) -> None:
        reader = LogReader(self._staging)
        while not self._closed:
            event_id = reader.next_event_id
            for line in reader.poll(_CHUNK_BYTES) or self._pause(_LOOK_EVERY_S):
                if event_id >= self._position:
                    self._bring(line)
                    if self._closed:
                        break
                    self._position = event_id + 1
                    self._advanced()
                event_id += 1
        self._endpoint.close()

    def _bring(self, line: bytes) -> None:
        backoff, told = Backoff(), ""
        while not self._closed:
            try:
                return self._endpoint.bring(line)
            except requests.RequestException as error:
                reason = _reason(error)
                if reason != told:
                    _LOG.warning("%s: %s; files wait, trying again", self._endpoint.url, reason)
                told = reason
                self._pause(backoff.pause())
        return None

    def _pause(self, seconds: float) -> tuple[()]:
        with self._changed:
            if not self._closed:
                self._changed.wait(seconds)
        return ()


class Endpoint:
    """The REST endpoint `url` as the place of a staged run's files."""

    def __init__(self, staging: RunFolder, url: str) -> None:
        self._staging = staging
        self.url = url.rstrip("/")
        self._session = requests.Session()

    def close(self) -> None:
        """Ends the connection."""
        self._session.close()

    def bring(self, line: bytes) -> None:
        """Uploads, or deletes, the files that the event on `line` speaks of; what is staged no more is left out.

        Raises:
            requests.RequestException: the endpoint could not be reached, or failed; try again.
        """
        event = decode_event(line)
        if event is not None:
            self._bring(event.payload)

    def _bring(self, payload: Payload) -> None:
        run = self._staging
        match payload:
            case RunStarted():
                for path in sorted(run.path.glob("*.yml")):
                    self._put(path, "YAML", f"grid_searches/{run.run_id}/{path.name}")
            case ExperimentConfig():
                self._put_of_experiment(payload.experiment_id, EXPERIMENT_CONFIG)
            case AttemptStarted():
                self._put_of_experiment(payload.experiment_id, SYSTEM_INFO)
            case CheckpointSaved():
                for resource in payload.resources:
                    self._post(payload.experiment_id, payload.epoch, resource.name)
            case CheckpointDeleted():
                self._request("DELETE", f"checkpoints/{run.run_id}/{payload.experiment_id}/{payload.epoch}")

    def _put_of_experiment(self, experiment_id: int, name: str) -> None:
        path = self._staging.experiment_config_path(experiment_id, name)
        self._put(path, "JSON", f"grid_searches/{self._staging.run_id}/{experiment_id}/{name}")

    def _put(self, path: Path, file_format: str, route: str) -> None:
        try:
            content = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        self._request("PUT", route, json={"file_format": file_format, "content": content})

    def _post(self, experiment_id: int, epoch: int, resource: str) -> None:
        try:
            file = self._staging.resource_path(experiment_id, epoch, resource).open("rb")
        except FileNotFoundError:  # deleted since, as the events to come say
            return
        with file:
            route = f"checkpoints/{self._staging.run_id}/{experiment_id}/{epoch}"
            self._request("POST", route, files={"checkpoint_file": (resource, file)})

    def _request(self, method: str, route: str, **body: object) -> None:
        answer = self._session.request(method, f"{self.url}/{route}", timeout=_TIMEOUT_S, **body)  # type: ignore[arg-type]
        if method == "DELETE" and answer.status_code == HTTPStatus.NOT_FOUND:
            return
        if answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR and not answer.ok:
            # The same request would be refused again, and the events behind it must not wait for ever.
            _LOG.warning("%s %s/%s was refused: %s", method, self.url, route, answer.text[:500])
            return
        answer.raise_for_status()


def _reason(error: requests.RequestException) -> str:
    """What went wrong, without the request that urllib3 puts before it."""
    cause = error.args[0] if error.args else None
    return str(getattr(cause, "reason", None) or error) or type(error).__name__
