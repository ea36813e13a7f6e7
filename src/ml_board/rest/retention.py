"""The routes that delete runs and checkpoints: as an event first, then the files."""

from __future__ import annotations

import msgspec
from flask import Blueprint, Response

from ml_board.rest.answers import json_answer
from ml_board.rest.guard import asker
from ml_board.runs.views import RunViews
from mlgym_core.events.checkpoint_files import delete_checkpoints
from mlgym_core.events.names import check_number
from mlgym_core.events.retention import KEPT_DAYS, empty_trash, trash_run


class DeletedCheckpoints(msgspec.Struct, kw_only=True):
    """The epochs of an experiment whose checkpoints were deleted."""

    run_id: str
    experiment_id: int
    epochs: list[int]


def create_retention(views: RunViews) -> Blueprint:
    """The methods DELETE below `/api/runs`."""
    retention = Blueprint("retention", __name__, url_prefix="/api/runs")
    storage = views.storage

    @retention.delete("/<run_id>")
    def delete_run(run_id: str) -> Response:
        by = asker().name
        trashed = trash_run(storage, run_id, by)
        empty_trash(storage, KEPT_DAYS, by)
        return json_answer(trashed)

    @retention.delete("/<run_id>/experiments/<experiment_id>/checkpoints")
    def delete_all_checkpoints(run_id: str, experiment_id: str) -> Response:
        return _delete(run_id, experiment_id, None)

    @retention.delete("/<run_id>/experiments/<experiment_id>/checkpoints/<epoch>")
    def delete_checkpoint(run_id: str, experiment_id: str, epoch: str) -> Response:
        return _delete(run_id, experiment_id, check_number(epoch, "epoch"))

    def _delete(run_id: str, experiment_id: str, epoch: int | None) -> Response:
        run, number = views.open(run_id).folder, check_number(experiment_id, "experiment id")
        epochs = delete_checkpoints(run, number, epoch)
        return json_answer(DeletedCheckpoints(run_id=run.run_id, experiment_id=number, epochs=epochs))

    return retention
