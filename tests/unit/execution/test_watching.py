"""What a run's own process sees of it, and what it leaves for those who look later."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlgym_core.events.codec import encode_event
from mlgym_core.events.folder import EventStorage, RunFolder
from mlgym_core.events.log import LogWriter
from mlgym_core.events.projections.run_state import RunState
from mlgym_core.events.snapshots import FoldSnapshots
from mlgym_core.events.types import EvaluationResult, Event, LossScore, RunEnded
from mlgym_core.execution.watching import View

RUN_ID = "2026-01-02--03-04-05"


class Spectator:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []

    def begin(self, run: RunFolder, experiment_ids: Sequence[int]) -> None:
        """Has nothing to begin."""

    def see(self, events: Sequence[Event], state: RunState) -> None:
        self.seen += [(event.event_type, state.num_events) for event in events]


def append(writer: LogWriter, *payloads: Any) -> None:
    writer.append("p", writer.last_seq("p") + 1, [encode_event(payload) for payload in payloads])
    writer.commit()


def test_what_a_log_has_already_is_no_news(tmp_path: Path) -> None:
    run = EventStorage(tmp_path).run(RUN_ID)
    writer = LogWriter(run)
    append(writer, RunEnded(grid_search_id=RUN_ID, reason="lost", counts={}))
    spectator = Spectator()
    view = View(run, [spectator])
    assert view.fold.state.num_events == 1
    append(writer, RunEnded(grid_search_id=RUN_ID, reason="finished", counts={}))
    view.look()
    writer.close()
    assert spectator.seen == [("run_ended", 2)]


def test_watchers_see_each_event_once_and_a_run_that_ended_leaves_a_snapshot(tmp_path: Path) -> None:
    run = EventStorage(tmp_path).run(RUN_ID)
    spectator = Spectator()
    view = View(run, [spectator])
    writer = LogWriter(run)
    losses = [LossScore(loss="l", split="val", score=0.5)]
    append(
        writer, EvaluationResult(grid_search_id=RUN_ID, experiment_id=0, epoch=0, metric_scores=[], loss_scores=losses)
    )
    view.look()
    view.look()
    assert spectator.seen == [("evaluation_result", 1)]

    results = [
        EvaluationResult(grid_search_id=RUN_ID, experiment_id=0, epoch=epoch, metric_scores=[], loss_scores=losses)
        for epoch in range(1, 1000)
    ]
    append(writer, *results, RunEnded(grid_search_id=RUN_ID, reason="finished", counts={}))
    view.look()
    writer.close()

    assert len(spectator.seen) == 1001
    fold, reader = FoldSnapshots(run).open()
    assert (fold.state, reader.next_event_id) == (view.fold.state, 1001)
