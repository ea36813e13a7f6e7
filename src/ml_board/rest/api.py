"""The board's own routes: the list of runs, a run, its experiments, series, machine and log lines. Knows no file.

Every answer is a fold of a log; `at=EVENT_ID` asks for the one of the events up to that one.
"""

from __future__ import annotations

from typing import get_args

from flask import Blueprint, Response, request

from ml_board.rest import queries
from ml_board.rest.answers import json_answer
from ml_board.runs.series import BINARY, encode_binary, series_page, system_page
from ml_board.runs.views import RunViews
from mlgym_core.events.names import check_number
from mlgym_core.events.projections.columns import LogSelection, Selection
from mlgym_core.events.types import Stream

MAX_BUCKETS = 100_000
MAX_ENTRIES = 10_000
NUM_ENTRIES = 1_000
LINES = "application/x-ndjson"


def create_api(views: RunViews) -> Blueprint:
    """Routes below `/api/runs`."""
    api = Blueprint("api", __name__, url_prefix="/api/runs")

    @api.get("")
    def list_runs() -> Response:
        return json_answer(views.listed())

    @api.get("/<run_id>")
    def show_run(run_id: str) -> Response:
        return json_answer(views.open(run_id).snapshot(queries.number("at")))

    @api.get("/<run_id>/experiments/<experiment_id>")
    def show_experiment(run_id: str, experiment_id: str) -> Response:
        number = check_number(experiment_id, "experiment id")
        return json_answer(views.open(run_id).experiment(number, queries.number("at")))

    @api.get("/<run_id>/series")
    def show_series(run_id: str) -> Response:
        selection = Selection(
            experiments=queries.numbers("experiment"),
            metrics=queries.names("metric"),
            splits=queries.names("split"),
            since=queries.number("since") or 0,
        )
        buckets = queries.number("buckets", at_least=1, at_most=MAX_BUCKETS)
        wants = queries.one_of("format", ("binary", "json"))
        offset, chosen = views.open(run_id).series(selection, queries.number("at"))
        if wants == "binary" or (wants is None and request.accept_mimetypes.best == BINARY):
            return Response(encode_binary(offset, chosen, buckets), mimetype=BINARY)
        return json_answer(series_page(offset, chosen, buckets))

    @api.get("/<run_id>/system")
    def show_system(run_id: str) -> Response:
        buckets = queries.number("buckets", at_least=1, at_most=MAX_BUCKETS)
        offset, columns = views.open(run_id).system(queries.number("since") or 0, queries.number("at"))
        return json_answer(system_page(offset, columns, buckets))

    @api.get("/<run_id>/logs")
    def show_logs(run_id: str) -> Response:
        since = queries.number("since")
        selection = LogSelection(
            experiments=queries.numbers("experiment"),
            stream=queries.one_of("stream", get_args(Stream)),
            since=since or 0,
            before=queries.number("before"),
            limit=queries.number("limit", at_least=1, at_most=MAX_ENTRIES) or NUM_ENTRIES,
            earliest=since is not None,
        )
        return json_answer(views.open(run_id).log_lines(selection, queries.number("at")))

    @api.get("/<run_id>/log")
    def show_log(run_id: str) -> Response:
        return Response(views.open(run_id).lines(queries.number("since") or 0), mimetype=LINES)

    return api
