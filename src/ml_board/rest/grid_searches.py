"""MLgym's routes of a grid search: its experiments, and the configuration files beside its log."""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import msgspec
from flask import Blueprint, Response, request

from ml_board.rest.answers import json_answer
from ml_board.rest.errors import TAKEN, UNFIT, RestError
from ml_board.rest.producers import refuse_stale
from ml_board.runs.views import RunViews
from mlgym_core.errors import StoreError
from mlgym_core.events import codes
from mlgym_core.events.files import read_file, write_atomically, writing
from mlgym_core.events.folder import EventStorage, RunFolder
from mlgym_core.events.names import check_name

MAX_DEPTH = 64
"""How deep the JSON of a body, or of the file in it, may be nested."""
_KindT = TypeVar("_KindT")


class ListedExperiment(msgspec.Struct):
    """An experiment as clients of MLgym list it; `last_checkpoint_id` is -1 where there is none."""

    experiment_id: int
    last_checkpoint_id: int
    experiment_config: dict[str, Any]


class YamlFile(msgspec.Struct):
    """The body that brings a configuration file of a run."""

    file_format: Literal["YAML"]
    content: str


class JsonFile(msgspec.Struct):
    """The body that brings a configuration file of an experiment; `content` is a JSON document."""

    file_format: Literal["JSON"]
    content: str


def create_grid_searches(views: RunViews) -> Blueprint:
    """Routes below `/grid_searches`."""
    routes = Blueprint("grid_searches", __name__, url_prefix="/grid_searches")
    storage = views.storage

    @routes.get("/<run_id>/experiments")
    def list_experiments(run_id: str) -> Response:
        return json_answer(_experiments(views, _existing(storage, run_id)))

    @routes.get("/<run_id>/<config_name>")
    def show_run_config(run_id: str, config_name: str) -> Response:
        return Response(read_file(storage.run(run_id).config_path(f"{config_name}.yml")), mimetype="text/plain")

    @routes.put("/<run_id>/<config_name>")
    def store_run_config(run_id: str, config_name: str) -> Response:
        run = storage.run(run_id)
        path, text = run.config_path(_with_ending(config_name, ".yml")), _text(YamlFile)
        if request.if_none_match.star_tag:
            _begin(run)
        write_atomically(path, text)
        return json_answer(None)

    @routes.get("/<run_id>/<experiment_id>/<config_name>")
    def show_experiment_config(run_id: str, experiment_id: str, config_name: str) -> Response:
        path = storage.run(run_id).experiment_config_path(experiment_id, f"{config_name}.json")
        return Response(read_file(path), mimetype="application/json")

    @routes.put("/<run_id>/<experiment_id>/<config_name>")
    def store_experiment_config(run_id: str, experiment_id: str, config_name: str) -> Response:
        name = _with_ending(config_name, ".json")
        path = storage.run(run_id).experiment_config_path(experiment_id, name)
        text = _text(JsonFile)
        _decode(text, "content", Any)
        refuse_stale(views, storage.run(run_id))
        write_atomically(path, text)
        return json_answer(None)

    return routes


def _experiments(views: RunViews, run: RunFolder) -> list[ListedExperiment]:
    configs: dict[int, Any] = dict(views.view(run.run_id).configs())
    for experiment_id in run.experiments():
        try:
            content = read_file(run.experiment_config_path(experiment_id))
            configs[experiment_id] = msgspec.json.decode(content)
        except (StoreError, msgspec.DecodeError):
            configs.setdefault(experiment_id, {})
    return [
        ListedExperiment(
            experiment_id=experiment_id,
            last_checkpoint_id=max(run.checkpoint_epochs(experiment_id), default=-1),
            experiment_config=configs[experiment_id],
        )
        for experiment_id in sorted(configs)
    ]


def _existing(storage: EventStorage, run_id: str) -> RunFolder:
    """The folder of a run of which anything is there, if only files without a log."""
    run = storage.run(run_id)
    if run.path.is_dir():
        return run
    raise StoreError(f"there is no run {run_id!r}", code=codes.NOT_FOUND)


def _begin(run: RunFolder) -> None:
    """Makes the folder of a run; of two who begin a run under one name, one is refused."""
    with writing(run.path):
        run.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            run.path.mkdir()
        except FileExistsError as error:
            raise RestError(f"there is a run {run.run_id}", code=TAKEN, hint="begin under another name") from error


def _with_ending(name: str, ending: str) -> str:
    if "." in check_name(name, "file name"):
        return name
    raise RestError(f"{name!r} has no ending", code=UNFIT, hint=f"a file is stored as {name}{ending}")


def _text(kind: type[YamlFile] | type[JsonFile]) -> bytes:
    file = _decode(request.get_data(cache=False), "body", kind)
    try:
        return file.content.encode()
    except UnicodeEncodeError as error:
        raise RestError(f"the content is no text: {error}", code=UNFIT, hint="send it as UTF-8") from error


def _decode(text: bytes, what: str, kind: type[_KindT]) -> _KindT:
    try:
        if text.count(b"[") + text.count(b"{") > MAX_DEPTH:
            _check_depth(msgspec.json.decode(text), MAX_DEPTH)
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        forms = {
            "body": 'send {"file_format": "YAML", "content": "…"} for a file of a run, "JSON" for one of an experiment',
            "content": "send a JSON document",
        }
        raise RestError(f"the {what} does not fit: {error}", code=UNFIT, hint=forms[what]) from error


def _check_depth(value: object, depth: int) -> None:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if depth == 0 and isinstance(value, dict | list):
        raise RecursionError(f"it is nested more than {MAX_DEPTH} deep")
    for each in inside:
        _check_depth(each, depth - 1)
