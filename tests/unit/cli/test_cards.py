"""`mlgym card`: what is known of a model, as people read it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mlgym_core.cli.cards import markdown
from mlgym_core.cli.commands import perform
from mlgym_core.cli.options import parser
from mlgym_core.events.appending import append_facts
from mlgym_core.events.descriptions import ModelDescription, PipelineNode, SplitDescription
from mlgym_core.events.folder import EventStorage
from mlgym_core.events.projections.energy import Energy
from mlgym_core.events.projections.model_card import model_card
from mlgym_core.events.projections.run_state import CheckpointState, ExperimentState, RunState, ScoreAt
from mlgym_core.events.types import EvaluationResult, ExperimentConfig, MetricScore, RunStarted

RUN_ID = "2026-01-02--03-04-05"
GIT = {"commit": "c0ffee", "branch": "main", "dirty": True, "diff": "a\nb\n", "diff_truncated": False}
STARTED = RunStarted(
    grid_search_id=RUN_ID,
    config_hash="",
    source={},
    entry_command=["mlgym", "run", "a b.yml"],
    num_experiments=1,
    git=GIT,
    environment={"host": "here", "num_cores": 4, "packages": {"torch": "2"}, "versions": {"python": "3.11.7"}},
)


def test_a_card_reads_from_the_model_to_its_pipeline() -> None:
    experiment = ExperimentState(
        experiment_id=3,
        status="finished",
        epochs_done=2,
        num_epochs=2,
        attempt=1,
        started_at=0,
        config={"model": {"use": "conv_net", "note": "a | b\n```"}, "run": {"seed": 5}},
        model=ModelDescription(class_name="ConvNet", num_parameters=12345),
        data={"train": SplitDescription(num_samples=1437, task="binary", labels={"no|": 1000, "yes": 437})},
        pipeline=[PipelineNode(slot="loaders", use=["batches"], needs=["splits", "data"])],
        best={"val/f1": ScoreAt(value=0.91234, epoch=0)},
        last={"val/f1": ScoreAt(value=None, epoch=1)},
        energy=Energy(cpu_joules=3.6e6, seconds=7),
        checkpoints=[
            CheckpointState(epoch=1, step=20, kept_as=["last"], weights_sha256="ab", resources=[], saved_at=0)
        ],
    )
    state = RunState(run_id=RUN_ID, started=STARTED, experiments={3: experiment})
    lines = list(markdown(model_card(state, 3)))

    assert lines[0] == f"# Experiment 3 of run {RUN_ID}"
    assert [line for line in lines if line.startswith("## ")] == [
        f"## {title}" for title in ("Model", "Data", "Training", "Evaluation", "Environment", "Energy", "Pipeline")
    ]
    for line in (
        "- class: ConvNet",
        "- parameters: 12,345",
        "- newest checkpoint: epoch 1, step 20 (last)",
        "model.note: a | b ```",
        r"| train | binary | 1,437 | no\|: 1,000, yes: 437 |",
        "- epochs: 2 of 2",
        "- seed: 5",
        "- started: 1970-01-01 00:00:00 UTC",
        "| val | f1 | 0.9123 (epoch 0) | not finite (epoch 1) |",
        "- num cores: 4",
        "- packages: 1 are recorded",
        "- command: `mlgym run 'a b.yml'`",
        "- code: commit `c0ffee`, main, with changes, whose diff of 2 lines is recorded",
        "- energy: 1 kWh (processors 1, GPUs 0)",
        "- emissions: 480 g of CO2 equivalents",
        "| loaders | batches | splits, data |",
    ):
        assert line in lines
    assert lines.count("```") == lines.count("```yaml") == 1


def test_what_is_not_known_is_left_out() -> None:
    state = RunState(run_id=RUN_ID, experiments={0: ExperimentState(experiment_id=0)})
    assert list(markdown(model_card(state, 0))) == [
        f"# Experiment 0 of run {RUN_ID}", "", "## Training", "", "- status: pending", "- epochs: 0 of ?",
    ]  # fmt: skip


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    result = EvaluationResult(
        grid_search_id=RUN_ID,
        experiment_id=0,
        epoch=0,
        metric_scores=[MetricScore(metric="f1", split="val", score=0.5)],
        loss_scores=[],
    )
    config = ExperimentConfig(grid_search_id=RUN_ID, experiment_id=0, job_id=0, config={"model": {"use": "mlp"}})
    run = EventStorage(tmp_path).run(RUN_ID)
    run.path.mkdir()
    append_facts(run, [STARTED, config, result])
    return tmp_path


@pytest.fixture
def card(storage: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def card(*arguments: str) -> tuple[int, str]:
        command = ["card", "last", *arguments, "--event_storage_path", str(storage)]
        return perform(parser().parse_args(command)), capsys.readouterr().out

    return card


def test_the_command_prints_markdown_or_one_document(card: Callable[..., tuple[int, str]]) -> None:
    status, text = card("0")
    assert (status, text.splitlines()[0]) == (0, f"# Experiment 0 of run {RUN_ID}")
    status, text = card("0", "--json")
    assert status == 0
    assert json.loads(text)["eval_details"]["splits"] == {
        "val": {"f1": {"best": {"value": 0.5, "epoch": 0}, "last": {"value": 0.5, "epoch": 0}}}
    }


def test_a_card_can_be_had_as_it_was(card: Callable[..., tuple[int, str]]) -> None:
    _, text = card("0", "--at", "1", "--json")
    assert json.loads(text)["eval_details"]["splits"] == {}


def test_an_experiment_that_is_not_there_is_wrong_use(card: Callable[..., tuple[int, str]]) -> None:
    status, text = card("4", "--json")
    assert (status, json.loads(text)["error"]["code"]) == (2, "MG121")
