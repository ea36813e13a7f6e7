"""What a run looks like: lines where they are kept, a table where a terminal shows it."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest
from rich.console import Console

from mlgym_core.cli.progress import Lines, LiveTable, make_progress
from mlgym_core.events.codec import decode_event, encode_event
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.projections.run_fold import RunFold
from mlgym_core.events.types import (
    EvaluationResult,
    ExperimentConfig,
    ExperimentStatus,
    JobStatus,
    LogLines,
    LossScore,
    MetricScore,
    Payload,
    RunEnded,
)

RUN = "2026-11-21--10-00-00"
CONFIG = {"run": {"epochs": 4}, "metrics": [{"use": "f1", "name": "f1", "goal": "max"}]}


def started(number: int) -> list[Payload]:
    ids = {"grid_search_id": RUN, "experiment_id": number}
    return [
        ExperimentConfig(**ids, job_id=number, config=CONFIG),
        JobStatus(**ids, job_id=f"{RUN}-{number}", status="RUNNING", starting_time=1.0),
    ]


def scored(number: int, epoch: int, f1: float) -> EvaluationResult:
    return EvaluationResult(
        grid_search_id=RUN,
        experiment_id=number,
        epoch=epoch,
        metric_scores=[MetricScore(metric="f1", split="val", score=f1)],
        loss_scores=[LossScore(loss="cross_entropy", split="val", score=1 - f1)],
    )


def ended(number: int, error: str | None = None) -> JobStatus:
    return JobStatus(
        grid_search_id=RUN,
        experiment_id=number,
        job_id=f"{RUN}-{number}",
        status="DONE",
        finishing_time=2.0,
        error=error,
    )


def under_way(number: int, doing: Literal["train", "evaluation"], *, epoch: int, num_epochs: int) -> ExperimentStatus:
    return ExperimentStatus(
        grid_search_id=RUN,
        experiment_id=number,
        status=doing,
        num_epochs=num_epochs,
        current_epoch=epoch,
        splits=["train"],
        current_split="train",
        num_batches=10,
        current_batch=4,
    )


def terminal(width: int) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, record=True, _environ={"TERM": "xterm"})


def draw(payloads: list[Payload], *, width: int) -> str:
    """The table alone, on a console beside the live one, which draws whenever its time comes."""
    fold = RunFold()
    fold.feed([encode_event(payload) for payload in payloads])
    console, table = terminal(width), LiveTable(terminal(width))
    console.print(table.draw(fold.state))
    table.close()
    return console.export_text()


def show(progress: Lines | LiveTable, payloads: list[Payload], experiment_ids: Sequence[int] = (0, 1)) -> None:
    fold = RunFold()
    progress.begin(RunFolder(Path("storage") / RUN), experiment_ids)
    for payload in payloads:
        event = decode_event(encode_event(payload))
        assert event is not None
        fold.apply(event, 0)
        progress.see([event], fold.state)
    progress.close()


def test_lines_tell_of_ends_with_their_best_score() -> None:
    file = io.StringIO()
    payloads = [*started(0), *started(1), scored(0, 0, 0.9), scored(0, 1, 0.8), ended(0), ended(1, "ValueError: no")]

    show(Lines(Console(file=file)), payloads)

    assert file.getvalue().splitlines() == [
        f"run {RUN}: 2 experiments",
        "experiment 0 finished: val/f1 0.9 (epoch 0)",
        "experiment 1 failed: ValueError: no",
    ]


def test_lines_tell_what_training_wrote_and_take_no_markup_from_it() -> None:
    file = io.StringIO()
    written = LogLines(grid_search_id=RUN, experiment_id=0, stream="stdout", lines=["[bold]x[/bold]", "a" * 200])

    show(Lines(Console(file=file, width=80)), [*started(0), written], experiment_ids=[0])

    assert file.getvalue().splitlines() == [f"run {RUN}: 1 experiment", "[0] [bold]x[/bold]", f"[0] {'a' * 200}"]


def test_what_is_told_of_the_run_is_of_no_experiment() -> None:
    file = io.StringIO()
    told = LogLines(grid_search_id=RUN, stream="logging", level="WARNING", lines=["the device was cpu and is cuda"])

    show(Lines(Console(file=file, width=80)), [told], experiment_ids=[0])

    assert file.getvalue().splitlines()[1:] == ["the device was cpu and is cuda"]


def test_a_terminal_gets_a_table_with_what_runs_and_all_of_it() -> None:
    console = terminal(width=120)
    status = under_way(1, "train", epoch=1, num_epochs=4)
    payloads = [*started(0), *started(1), scored(0, 0, 0.9), ended(0), scored(1, 0, 0.7), status]
    last = RunEnded(grid_search_id=RUN, reason="stopped", counts={})

    show(LiveTable(console), [*payloads, ended(1, "ValueError: no"), last])

    text = console.export_text()
    assert "2/2" in text
    assert "1 failed" in text
    assert "1 finished" in text
    assert "best val/f1 0.9 (epoch 0), experiment 0" in text
    assert "experiment 1 failed: ValueError: no" in text


def test_of_a_run_that_goes_on_what_is_trained_again_is_counted_alone() -> None:
    file, console = io.StringIO(), terminal(width=120)
    fold = RunFold()
    for payload in [*started(0), ended(0), *started(1), ended(1, "ValueError: no"), *started(2), ended(2)]:
        fold.feed([encode_event(payload)])

    show(Lines(Console(file=file)), [], experiment_ids=[2])
    table = LiveTable(console)
    table.begin(RunFolder(Path("storage") / RUN), [2])
    console.print(table.draw(fold.state))
    table.close()

    text = console.export_text()
    assert file.getvalue().splitlines() == [f"run {RUN}: 1 experiment"]
    assert "1/1" in text
    assert "1 finished" in text
    assert "failed" not in text


def test_a_row_of_the_table_tells_how_far_an_experiment_is() -> None:
    text = draw([*started(0), scored(0, 0, 0.7)], width=120)

    assert "epoch 1/4" in text
    assert "val/f1 0.7 (epoch 0)" in text


def test_each_experiment_that_runs_has_one_line_on_a_narrow_terminal_too() -> None:
    status = under_way(11, "evaluation", epoch=10, num_epochs=100)
    payloads = [*started(10), *started(11), scored(10, 0, 0.71234), scored(11, 0, 0.81234), status]

    lines = [line.rstrip() for line in draw(payloads, width=80).splitlines()]
    [first, second] = [line for line in lines if line.startswith("experiment")]
    assert (first.split()[1], second.split()[1]) == ("10", "11")
    assert first.endswith("val/f1 0.7123 (epoch 0)")
    assert second.endswith("val/f1 0.8123 (epoch 0)")
    assert "…" in second


@pytest.mark.parametrize(("is_terminal", "kind"), [(True, LiveTable), (False, Lines)])
def test_the_display_fits_the_place(is_terminal: bool, kind: type) -> None:
    console = Console(file=io.StringIO(), force_terminal=is_terminal, _environ={"TERM": "xterm"})

    assert isinstance(make_progress(console), kind)
