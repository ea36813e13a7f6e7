"""What each route takes and answers, in the words of the OpenAPI document. Owns the table; knows no request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, get_args

from ml_board.rest.api import LINES, MAX_BUCKETS, MAX_ENTRIES
from ml_board.rest.checkpoints import ListedCheckpoint
from ml_board.rest.grid_searches import JsonFile, ListedExperiment, YamlFile
from ml_board.rest.health import Health
from ml_board.rest.producers import PRODUCER
from ml_board.rest.retention import DeletedCheckpoints
from ml_board.rest.session import Session
from ml_board.runs.logs import LogPage
from ml_board.runs.series import BINARY, SeriesPage, SystemPage
from ml_board.runs.views import ExperimentPage, ListedRun
from mlgym_core.events.projections.model_card import ModelCard
from mlgym_core.events.projections.run_state import RunSnapshot
from mlgym_core.events.retention import TrashRecord
from mlgym_core.events.types import Stream

JSON = "application/json"
TEXT = "text/plain"
BYTES = "application/octet-stream"
Schema: TypeAlias = dict[str, Any]
Answers: TypeAlias = Mapping[str, Any]
"""Content types, each with the Python type of a JSON document, or with None for what is no JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What one method of one route is: `query` names entries of `QUERY`, `headers` of `HEADERS`.

    `body` are content types as in an answer; `multipart` is the field of a file; `path` are parameters of the path that
    are not as in `PATH`; `statuses` are those beside the common ones.
    """

    summary: str
    answers: Answers
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    body: Answers | None = None
    multipart: str | None = None
    path: Mapping[str, Schema] = field(default_factory=dict)
    statuses: tuple[int, ...] = ()


def _whole(description: str, minimum: int = 0) -> Schema:
    return {"type": "integer", "minimum": minimum, "maximum": 10**18 - 1, "description": description}


_NAME = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"}
_EXPERIMENT = _whole("of the run, from 0")
PATH: Mapping[str, Schema] = {
    "run_id": _NAME | {"description": "grid_search_id of a run, or `last`"},
    "experiment_id": _EXPERIMENT,
    "epoch": _whole("from 0"),
    "step": _whole("of the optimizer, from 0, where the checkpoint is from within an epoch"),
    "resource": _NAME | {"description": "as checkpoint_saved names it; `model` finds the model under any name"},
    "config_name": _NAME | {"description": "a file's name without its ending"},
}
QUERY: Mapping[str, Schema] = {
    "at": _whole("event_id: the answer is that of the events up to this one"),
    "since": _whole("event_id: only what came with this event or later"),
    "before": _whole("event_id: only what came before it"),
    "limit": _whole("how many entries at most", 1) | {"maximum": MAX_ENTRIES},
    "buckets": _whole("reduces each series to so many buckets of min, max and last", 1) | {"maximum": MAX_BUCKETS},
    "experiment": {"type": "array", "items": _EXPERIMENT, "maxItems": 100, "description": "all where absent"},
    "metric": {"type": "array", "items": {"type": "string"}, "maxItems": 100, "description": "all where absent"},
    "split": {"type": "array", "items": {"type": "string"}, "maxItems": 100, "description": "all where absent"},
    "format": {"type": "string", "enum": ["binary", "json"], "description": "JSON where absent"},
    "stream": {"type": "string", "enum": list(get_args(Stream)), "description": "all where absent"},
}
HEADERS: Mapping[str, Schema] = {
    PRODUCER: {
        "type": "string",
        "description": "whose events speak of the files; where a newer attempt has replaced it, none is touched (409)",
    }
}

_YAML_FILE = {"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9._-]{0,122}\.yml$"}
_JSON_FILE = {"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9._-]{0,121}\.json$"}
_RUN = (404, 409, 422)
_CHANGE = (404, 409, 422, 507)
_ANY_JSON = {JSON: Any}
_DONE = {JSON: type(None)}
OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("GET", "/grid_searches/<run_id>/experiments"): Operation(
        summary="Experiments of a run, by id", answers={JSON: list[ListedExperiment]}, statuses=_RUN
    ),
    ("GET", "/grid_searches/<run_id>/<config_name>"): Operation(
        summary="A configuration file of a run", answers={TEXT: None}, statuses=_RUN
    ),
    ("PUT", "/grid_searches/<run_id>/<config_name>"): Operation(
        summary="Stores a configuration file of a run; with `If-None-Match: *` only where nothing is there of the run",
        answers=_DONE,
        body={JSON: YamlFile},
        path={"config_name": _YAML_FILE},
        statuses=(*_CHANGE, 412),
    ),
    ("GET", "/grid_searches/<run_id>/<experiment_id>/<config_name>"): Operation(
        summary="A configuration file of an experiment", answers=_ANY_JSON, statuses=_RUN
    ),
    ("PUT", "/grid_searches/<run_id>/<experiment_id>/<config_name>"): Operation(
        summary="Stores a configuration file of an experiment",
        answers=_DONE,
        body={JSON: JsonFile},
        path={"config_name": _JSON_FILE},
        headers=(PRODUCER,),
        statuses=_CHANGE,
    ),
    ("GET", "/checkpoint_list/<run_id>/<experiment_id>"): Operation(
        summary="Checkpoints of an experiment, newest first", answers={JSON: list[ListedCheckpoint]}, statuses=_RUN
    ),
    ("GET", "/checkpoint_list/<run_id>/<experiment_id>/<epoch>"): Operation(
        summary="The checkpoint of an epoch, if there is one", answers={JSON: list[ListedCheckpoint]}, statuses=_RUN
    ),
    ("GET", "/checkpoints/<run_id>/<experiment_id>/<epoch>/<resource>"): Operation(
        summary="The bytes of one resource of a checkpoint", answers={BYTES: None}, statuses=(*_RUN, 206, 304, 416)
    ),
    ("POST", "/checkpoints/<run_id>/<experiment_id>/<epoch>"): Operation(
        summary="Stores resources of a checkpoint, named as their files are",
        answers={JSON: ListedCheckpoint},
        multipart="checkpoint_file",
        headers=(PRODUCER,),
        statuses=_CHANGE,
    ),
    ("POST", "/checkpoints/<run_id>/<experiment_id>/steps/<step>"): Operation(
        summary="Stores resources of a checkpoint from within an epoch",
        answers=_DONE,
        multipart="checkpoint_file",
        headers=(PRODUCER,),
        statuses=_CHANGE,
    ),
    ("GET", "/checkpoints/<run_id>/<experiment_id>/steps/<step>/<resource>"): Operation(
        summary="The bytes of one resource of a checkpoint from within an epoch",
        answers={BYTES: None},
        statuses=(*_RUN, 206, 304, 416),
    ),
    ("DELETE", "/checkpoints/<run_id>/<experiment_id>/steps/<step>"): Operation(
        summary="Deletes a checkpoint from within an epoch", answers=_DONE, headers=(PRODUCER,), statuses=_CHANGE
    ),
    ("DELETE", "/checkpoints/<run_id>/<experiment_id>/<epoch>"): Operation(
        summary="Deletes a checkpoint", answers=_DONE, headers=(PRODUCER,), statuses=_CHANGE
    ),
    ("DELETE", "/checkpoints/<run_id>/<experiment_id>/<epoch>/<resource>"): Operation(
        summary="Deletes one resource of a checkpoint", answers=_DONE, headers=(PRODUCER,), statuses=_CHANGE
    ),
    ("DELETE", "/api/runs/<run_id>"): Operation(
        summary="Moves a run to the trash", answers={JSON: TrashRecord}, statuses=_CHANGE
    ),
    ("DELETE", "/api/runs/<run_id>/experiments/<experiment_id>/checkpoints"): Operation(
        summary="Deletes all checkpoints of an experiment", answers={JSON: DeletedCheckpoints}, statuses=_CHANGE
    ),
    ("DELETE", "/api/runs/<run_id>/experiments/<experiment_id>/checkpoints/<epoch>"): Operation(
        summary="Deletes the checkpoint of an epoch", answers={JSON: DeletedCheckpoints}, statuses=_CHANGE
    ),
    ("GET", "/model-card/<run_id>/<experiment_id>"): Operation(
        summary="What is known of an experiment's model", answers={JSON: ModelCard}, query=("at",), statuses=_RUN
    ),
    ("GET", "/system-info/<run_id>/<experiment_id>"): Operation(
        summary="The machine that an experiment was trained on", answers=_ANY_JSON, statuses=_RUN
    ),
    ("GET", "/api/runs"): Operation(summary="All runs, newest first", answers={JSON: list[ListedRun]}, statuses=_RUN),
    ("GET", "/api/runs/<run_id>"): Operation(
        summary="A run and its experiments", answers={JSON: RunSnapshot}, query=("at",), statuses=_RUN
    ),
    ("GET", "/api/runs/<run_id>/experiments/<experiment_id>"): Operation(
        summary="An experiment with its configuration", answers={JSON: ExperimentPage}, query=("at",), statuses=_RUN
    ),
    ("GET", "/api/runs/<run_id>/series"): Operation(
        summary="Series for charts",
        answers={JSON: SeriesPage, BINARY: None},
        query=("experiment", "metric", "split", "since", "at", "buckets", "format"),
        statuses=_RUN,
    ),
    ("GET", "/api/runs/<run_id>/system"): Operation(
        summary="Samples of a run's machine",
        answers={JSON: SystemPage},
        query=("since", "at", "buckets"),
        statuses=_RUN,
    ),
    ("GET", "/api/runs/<run_id>/logs"): Operation(
        summary="What a run's processes wrote: the last entries, or the first since an event",
        answers={JSON: LogPage},
        query=("experiment", "stream", "since", "before", "at", "limit"),
        statuses=_RUN,
    ),
    ("GET", "/api/runs/<run_id>/log"): Operation(
        summary="The log of a run as it stands: an event a line, from the first or from one on",
        answers={LINES: None},
        query=("since",),
        statuses=_RUN,
    ),
    ("GET", "/api/session"): Operation(summary="Who asks", answers={JSON: Session}),
    ("GET", "/api/openapi.json"): Operation(summary="This document", answers={JSON: dict[str, Any]}),
    ("GET", "/healthz"): Operation(summary="Whether the service is well", answers={JSON: Health}),
    ("GET", "/metrics"): Operation(summary="What the service counts, for Prometheus", answers={TEXT: None}),
}
