"""The card of a model: its keys are always there, what is in them is what is known."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from mlgym_core.events.descriptions import ModelDescription, PipelineNode, SplitDescription
from mlgym_core.events.projections.model_card import ModelCard, model_card
from mlgym_core.events.projections.run_state import ScoreAt
from mlgym_core.events.types import ExperimentDescribed

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
    assert list(msgspec.to_builtins(card)) == KEYS
    assert card.dataset_details.configuration == card.dataset_details.splits == {}
    environment = {"system_env": {}, "carbon_footprint": None, "entry_point_cmd": None}
    assert msgspec.to_builtins(card.experiment_environment) == environment
    assert card.model_details.checkpoint is None


def test_a_card_tells_what_the_events_tell(story: Any) -> None:
    config = {
        "run": {"epochs": 5, "seed": 2},
        "model_info": {"author": "me"},
        "data": {"use": "digits"},
        "model": {"use": "mlp"},
        "optimizer": {"use": "adam"},
        "metrics": [{"use": "f1"}],
    }
    git = {"commit": "ab", "dirty": True, "diff": "+"}
    story.start_run(description="digits", git=git)
    story.configure(**config)
    story.attempt()
    model = ModelDescription(class_name="MLP", num_parameters=7, num_trainable_parameters=3)
    train = SplitDescription(num_samples=3, task="binary", labels={"0": 1, "1": 2})
    pipeline = [PipelineNode(slot="model", use=["mlp"], needs=[])]
    story.tell(ExperimentDescribed, experiment_id=0, model=model, data={"train": train}, pipeline=pipeline)
    story.score(0, {"f1": 0.5}, {"loss": 2.0})
    story.score(1, {"f1": 0.25}, {"loss": 1.0})
    story.save(0)
    card = model_card(story.fold.state, 0, {"cpu": "fast"})
    details = card.model_details
    assert (details.model, details.model_info) == ({"use": "mlp"}, {"author": "me"})
    assert (details.class_name, details.num_parameters, details.num_trainable_parameters) == ("MLP", 7, 3)
    assert details.checkpoint is not None
    assert (details.checkpoint.epoch, details.checkpoint.sha256) == (0, "weights 0")
    assert card.dataset_details.configuration == {"data": {"use": "digits"}}
    assert card.dataset_details.splits == {"train": train}
    assert card.training_details.configuration == {"optimizer": {"use": "adam"}}
    assert (card.training_details.seed, card.training_details.num_epochs) == (2, 5)
    scores = card.eval_details.splits["val"]
    assert (scores["f1"].best, scores["f1"].last) == (ScoreAt(value=0.5, epoch=0), ScoreAt(value=0.25, epoch=1))
    assert scores["loss"].best == ScoreAt(value=1.0, epoch=1)
    assert card.pipeline_details.graph == pipeline
    assert (card.pipeline_details.config, card.pipeline_details.git) == (config, git)
    assert card.pipeline_details.source == {"gs_config.yml": "ab"}
    assert card.experiment_environment.system_env == {
        "python": "3.11.7",
        "host": "here",
        "threads": 1,
        "versions": {"torch": "2.13.0"},
    }
    assert card.experiment_environment.entry_point_cmd == "mlgym run 'a b.yml'"
    assert msgspec.json.decode(msgspec.json.encode(card), type=ModelCard) == card


def test_a_run_whose_events_tell_of_no_machine_has_what_lies_beside_its_log(story: Any) -> None:
    story.job("RUNNING")
    assert model_card(story.fold.state, 0, {"cpu": "fast"}).experiment_environment.system_env == {"cpu": "fast"}


def test_an_experiment_that_is_not_there_is_an_error(story: Any) -> None:
    with pytest.raises(KeyError):
        model_card(story.fold.state, 3)
