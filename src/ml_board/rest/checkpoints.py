"""MLgym's routes of checkpoints: what is stored, its bytes, and its coming and going.

Those from within an epoch, which MLgym does not have, have routes of their own, and are in none of its lists.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from pathlib import Path

import msgspec
from flask import Blueprint, Response, request, send_file

from ml_board.checkpoints import delete_checkpoint, delete_step, is_told
from ml_board.rest.answers import json_answer
from ml_board.rest.errors import MISSING, UNFIT, RestError
from ml_board.rest.producers import refuse_stale
from ml_board.runs.views import RunViews
from mlgym_core.events.checkpoint_files import tell_deleted
from mlgym_core.events.files import replacing, writing
from mlgym_core.events.folder import RunFolder, file_names, find_file
from mlgym_core.events.names import check_name

_CHUNK_BYTES = 2**20


class ListedCheckpoint(msgspec.Struct):
    """A checkpoint as clients of MLgym list it, ids as strings."""

    experiment_id: str
    epoch: str
    checkpoints: list[str]


def create_checkpoints(views: RunViews) -> Blueprint:
    """Routes `/checkpoint_list` and `/checkpoints`."""
    checkpoints = Blueprint("checkpoints", __name__)
    storage = views.storage

    @checkpoints.get("/checkpoint_list/<run_id>/<experiment_id>")
    def list_epochs(run_id: str, experiment_id: str) -> Response:
        run = storage.run(run_id)
        return json_answer([_listed(run, experiment_id, epoch) for epoch in run.checkpoint_epochs(experiment_id)[::-1]])

    @checkpoints.get("/checkpoint_list/<run_id>/<experiment_id>/<epoch>")
    def list_epoch(run_id: str, experiment_id: str, epoch: str) -> Response:
        run = storage.run(run_id)
        return json_answer([_listed(run, experiment_id, epoch)] if run.resources(experiment_id, epoch) else [])

    @checkpoints.get("/checkpoints/<run_id>/<experiment_id>/<epoch>/<resource>")
    def load(run_id: str, experiment_id: str, epoch: str, resource: str) -> Response:
        return _send(storage.run(run_id).find_resource(experiment_id, epoch, resource))

    @checkpoints.post("/checkpoints/<run_id>/<experiment_id>/<epoch>")
    def save(run_id: str, experiment_id: str, epoch: str) -> Response:
        run = storage.run(run_id)
        _store_files(views, run, run.checkpoint_path(experiment_id, epoch))
        return json_answer(_listed(run, experiment_id, epoch))

    @checkpoints.post("/checkpoints/<run_id>/<experiment_id>/steps/<step>")
    def save_within_epoch(run_id: str, experiment_id: str, step: str) -> Response:
        run = storage.run(run_id)
        _store_files(views, run, run.step_path(experiment_id, step))
        return json_answer(None)

    @checkpoints.get("/checkpoints/<run_id>/<experiment_id>/steps/<step>/<resource>")
    def load_within_epoch(run_id: str, experiment_id: str, step: str, resource: str) -> Response:
        folder = storage.run(run_id).step_path(experiment_id, step)
        path = find_file(folder, check_name(resource, "resource"))
        if path is None:
            raise RestError(f"experiment {experiment_id} has no {resource!r} of step {step}", code=MISSING)
        return _send(path)

    @checkpoints.delete("/checkpoints/<run_id>/<experiment_id>/steps/<step>")
    def drop_within_epoch(run_id: str, experiment_id: str, step: str) -> Response:
        run = storage.run(run_id)
        refuse_stale(views, run)
        if not file_names(run.step_path(experiment_id, step)):
            raise RestError(f"experiment {experiment_id} has no checkpoint of step {step}", code=MISSING)
        delete_step(views, run, int(experiment_id), int(step))
        return json_answer(None)

    @checkpoints.delete("/checkpoints/<run_id>/<experiment_id>/<epoch>")
    def delete(run_id: str, experiment_id: str, epoch: str) -> Response:
        run = storage.run(run_id)
        refuse_stale(views, run)
        if not run.resources(experiment_id, epoch):
            raise RestError(f"experiment {experiment_id} has no checkpoint of epoch {epoch}", code=MISSING)
        delete_checkpoint(views, run, int(experiment_id), int(epoch))
        return json_answer(None)

    @checkpoints.delete("/checkpoints/<run_id>/<experiment_id>/<epoch>/<resource>")
    def delete_resource(run_id: str, experiment_id: str, epoch: str, resource: str) -> Response:
        run = storage.run(run_id)
        refuse_stale(views, run)
        path = run.find_resource(experiment_id, epoch, resource)
        if is_told(views, run, int(experiment_id), int(epoch)):
            # What lacks a file is no checkpoint any more.
            tell_deleted(run, int(experiment_id), int(epoch))
        with writing(path):
            path.unlink()
        with suppress(OSError):  # other resources are there still
            path.parent.rmdir()
        return json_answer(None)

    return checkpoints


def _store_files(views: RunViews, run: RunFolder, folder: Path) -> None:
    files = request.files.getlist("checkpoint_file")
    if not files:
        raise RestError(
            "there is no checkpoint_file in the body", code=UNFIT, hint="send multipart/form-data with that field"
        )
    with ExitStack() as opened:
        for file in files:
            opened.callback(file.close)
        paths = [folder / check_name(file.filename or "", "resource") for file in files]
        refuse_stale(views, run)  # once the body is here, which may have taken long
        for path, file in zip(paths, files, strict=True):
            with replacing(path) as beside:
                file.save(beside, buffer_size=_CHUNK_BYTES)


def _send(path: Path) -> Response:
    return send_file(path.absolute(), mimetype="application/octet-stream", as_attachment=True, max_age=0)


def _listed(run: RunFolder, experiment_id: int | str, epoch: int | str) -> ListedCheckpoint:
    resources = run.resources(experiment_id, epoch)
    return ListedCheckpoint(experiment_id=str(experiment_id), epoch=str(epoch), checkpoints=resources)
