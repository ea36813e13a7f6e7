"""The routes that tell of a trained model: its card, and the machine it was trained on."""

from __future__ import annotations

from flask import Blueprint, Response

from ml_board.rest import queries
from ml_board.rest.answers import json_answer
from ml_board.runs.views import RunViews
from mlgym_core.events.files import read_file
from mlgym_core.events.folder import SYSTEM_INFO
from mlgym_core.events.names import check_number


def create_model_cards(views: RunViews) -> Blueprint:
    """Routes `/model-card` and `/system-info`."""
    cards = Blueprint("model_cards", __name__)

    @cards.get("/model-card/<run_id>/<experiment_id>")
    def model_card(run_id: str, experiment_id: str) -> Response:
        number = check_number(experiment_id, "experiment id")
        return json_answer(views.open(run_id).model_card(number, queries.number("at")))

    @cards.get("/system-info/<run_id>/<experiment_id>")
    def system_info(run_id: str, experiment_id: str) -> Response:
        content = read_file(views.storage.run(run_id).experiment_config_path(experiment_id, SYSTEM_INFO))
        return Response(content, mimetype="application/json")

    return cards
