"""MLgym's routes of a grid search: its experiments, and the configuration files beside its log."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from flask import Blueprint, Response, request

from ml_board.rest.answers import json_answer
from ml_board.rest.errors import UNFIT, RestError
from ml_board.runs import RunViews
from mlgym_core.errors import StoreError
from mlgym_core.events import codes
from mlgym_core.events.folder import EventStorage, RunFolder, read_file, write_atomically

MAX_CONFIG_BYTES = 16 * 2**20


class TextFile(msgspec.Struct):
    """The body that brings a configuration file."""

    file_format: Literal["YAML", "JSON"]
    content: str


def create_runs(views: RunViews) -> Blueprint:
    """Routes below `/grid_searches`."""
    runs = Blueprint("runs", __name__, url_prefix="/grid_searches")
    storage = views.storage

    @runs.get("/<run_id>/experiments")
    def list_experiments(run_id: str) -> Response:
        return json_answer(_experiments(views, _existing(storage, run_id)))

    @runs.get("/<run_id>/<config_name>")
    def show_run_config(run_id: str, config_name: str) -> Response:
        return Response(read_file(storage.run(run_id).config_path(f"{config_name}.yml")), mimetype="text/plain")

    @runs.put("/<run_id>/<config_name>")
    def store_run_config(run_id: str, config_name: str) -> Response:
        path = storage.run(run_id).config_path(config_name)
        write_atomically(path, _text("YAML"))
        return json_answer(None)

    @runs.get("/<run_id>/<experiment_id>/<config_name>")
    def show_experiment_config(run_id: str, experiment_id: str, config_name: str) -> Response:
        path = storage.run(run_id).experiment_config_path(experiment_id, f"{config_name}.json")
        return Response(read_file(path), mimetype="application/json")

    @runs.put("/<run_id>/<experiment_id>/<config_name>")
    def store_experiment_config(run_id: str, experiment_id: str, config_name: str) -> Response:
        path = storage.run(run_id).experiment_config_path(experiment_id, config_name)
        text = _text("JSON")
        try:
            msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            raise RestError(f"the content is no JSON: {error}", code=UNFIT) from error
        write_atomically(path, text)
        return json_answer(None)

    return runs


def _experiments(views: RunViews, run: RunFolder) -> list[dict[str, Any]]:
    configs: dict[int, Any] = dict(views.view(run.run_id).configs())
    for experiment_id in run.experiments():
        try:
            content = read_file(run.experiment_config_path(experiment_id))
            configs[experiment_id] = msgspec.json.decode(content)
        except (StoreError, msgspec.DecodeError):
            configs.setdefault(experiment_id, {})
    return [
        {
            "experiment_id": experiment_id,
            "last_checkpoint_id": max(run.checkpoint_epochs(experiment_id), default=-1),
            "experiment_config": configs[experiment_id],
        }
        for experiment_id in sorted(configs)
    ]


def _existing(storage: EventStorage, run_id: str) -> RunFolder:
    """The folder of a run of which anything is there, if only files without a log."""
    run = storage.run(run_id)
    if run.path.is_dir():
        return run
    raise StoreError(f"there is no run {run_id!r}", code=codes.NOT_FOUND)


def _text(file_format: str) -> bytes:
    body = request.get_data(cache=False)
    if len(body) > MAX_CONFIG_BYTES:
        raise RestError(f"the body has {len(body):,} bytes; {MAX_CONFIG_BYTES:,} are allowed", code=UNFIT)
    try:
        file = msgspec.json.decode(body, type=TextFile)
        text = file.content.encode()
    except (msgspec.DecodeError, UnicodeError) as error:
        raise RestError(
            f"the body does not fit: {error}",
            code=UNFIT,
            hint='send {"file_format": "YAML" or "JSON", "content": "…"} as JSON',
        ) from error
    if file.file_format != file_format:
        raise RestError(f"file_format is {file.file_format}; here it is {file_format}", code=UNFIT)
    return text
