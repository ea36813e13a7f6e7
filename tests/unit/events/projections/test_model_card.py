"""The card of a model: its keys are always there, what is in them is what is known."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from mlgym_core.events.projections.model_card import model_card

KEYS = [
    "model_details",
    "dataset_details",
    "training_details",
    "eval_details",
    "experiment_environment",
    "pipeline_details",
]


def test_a_card_of_which_nothing_is_known_has_all_keys(story: Any) -> None:
    story.job("INIT")
    card = model_card(story.fold.state, 0)
    assert list(card) == KEYS
    assert card["dataset_details"] == {}
    assert card["experiment_environment"] == {"system_env": {}, "carbon_footprint": None, "entry_point_cmd": None}
    assert card["model_details"]["checkpoint"] is None


def test_a_card_tells_what_the_events_tell(story: Any) -> None:
    config = {
        "run": {"epochs": 5, "seed": 2},
        "model_info": {"author": "me"},
        "data": {"use": "digits"},
        "model": {"use": "mlp"},
        "optimizer": {"use": "adam"},
        "metrics": [{"use": "f1"}],
    }
    story.start_run(description="digits")
    story.configure(**config)
    story.attempt()
    story.score(0, {"f1": 0.5})
    story.save(0)
    card = model_card(story.fold.state, 0, {"cpu": "fast"})
    assert card["model_details"]["model"] == {"use": "mlp"}
    assert card["model_details"]["model_info"] == {"author": "me"}
    assert card["model_details"]["checkpoint"] == {"epoch": 0, "sha256": "weights 0"}
    assert card["dataset_details"] == {"data": {"use": "digits"}}
    assert card["training_details"]["optimizer"] == {"use": "adam"}
    assert (card["training_details"]["seed"], card["training_details"]["num_epochs"]) == (2, 5)
    assert card["eval_details"]["best"] == {"val/f1": {"value": 0.5, "epoch": 0}}
    assert card["pipeline_details"] == {"config": config, "source": {"gs_config.yml": "ab"}}
    assert card["experiment_environment"] == {
        "system_env": {
            "python": "3.11.7",
            "host": "here",
            "threads": 1,
            "versions": {"torch": "2.13.0"},
            "cpu": "fast",
        },
        "carbon_footprint": None,
        "entry_point_cmd": "mlgym run 'a b.yml'",
    }
    assert json.loads(msgspec.json.encode(card)) == card


def test_an_experiment_that_is_not_there_is_an_error(story: Any) -> None:
    with pytest.raises(KeyError):
        model_card(story.fold.state, 3)
