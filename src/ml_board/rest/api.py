"""The board's own routes: the list of runs, a run, an experiment. Knows no file; every answer is a fold of a log."""

from __future__ import annotations

from flask import Blueprint, Response

from ml_board.rest.answers import json_answer
from ml_board.runs import RunViews
from mlgym_core.events.names import check_number


def create_api(views: RunViews) -> Blueprint:
    """Routes below `/api/runs`."""
    api = Blueprint("api", __name__, url_prefix="/api/runs")

    @api.get("")
    def list_runs() -> Response:
        return json_answer(views.listed())

    @api.get("/<run_id>")
    def show_run(run_id: str) -> Response:
        return json_answer(views.open(run_id).snapshot())

    @api.get("/<run_id>/experiments/<experiment_id>")
    def show_experiment(run_id: str, experiment_id: str) -> Response:
        return json_answer(views.open(run_id).experiment(check_number(experiment_id, "experiment id")))

    return api
