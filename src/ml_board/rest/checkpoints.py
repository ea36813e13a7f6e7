"""MLgym's routes of checkpoints: what is stored, its bytes, and its coming and going."""

from __future__ import annotations

from contextlib import ExitStack, suppress

import msgspec
from flask import Blueprint, Response, request, send_file

from ml_board.checkpoints import delete_checkpoint, is_told
from ml_board.rest.answers import json_answer
from ml_board.rest.errors import MISSING, UNFIT, RestError
from ml_board.rest.producers import refuse_stale
from ml_board.runs.views import RunViews
from mlgym_core.events.checkpoint_files import tell_deleted
from mlgym_core.events.files import replacing, writing
from mlgym_core.events.folder import RunFolder

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
        path = storage.run(run_id).find_resource(experiment_id, epoch, resource)
        return send_file(path.absolute(), mimetype="application/octet-stream", as_attachment=True, max_age=0)

    @checkpoints.post("/checkpoints/<run_id>/<experiment_id>/<epoch>")
    def save(run_id: str, experiment_id: str, epoch: str) -> Response:
        files = request.files.getlist("checkpoint_file")
        if not files:
            raise RestError(
                "there is no checkpoint_file in the body", code=UNFIT, hint="send multipart/form-data with that field"
            )
        run = storage.run(run_id)
        with ExitStack() as opened:
            for file in files:
                opened.callback(file.close)
            paths = [run.resource_path(experiment_id, epoch, file.filename or "") for file in files]
            refuse_stale(views, run)  # once the body is here, which may have taken long
            for path, file in zip(paths, files, strict=True):
                with replacing(path) as beside:
                    file.save(beside, buffer_size=_CHUNK_BYTES)
        return json_answer(_listed(run, experiment_id, epoch))

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


def _listed(run: RunFolder, experiment_id: int | str, epoch: int | str) -> ListedCheckpoint:
    resources = run.resources(experiment_id, epoch)
    return ListedCheckpoint(experiment_id=str(experiment_id), epoch=str(epoch), checkpoints=resources)
