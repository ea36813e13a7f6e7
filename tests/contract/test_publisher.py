"""What every `Publisher` has to keep, whatever carries its events."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from mlgym_core.errors import StoreError
from mlgym_core.events.codec import MAX_LINE_BYTES, decode_event
from mlgym_core.events.folder import EventStorage, RunFolder
from mlgym_core.events.log import LogWriter
from mlgym_core.events.log_reader import LogReader
from mlgym_core.events.merge import Merger
from mlgym_core.events.spool import SEGMENT_BYTES, Publisher, Spool
from mlgym_core.events.types import EvaluationResult, LogLines, LossScore, Payload, RunEnded

RUN_ID = "2026-01-02--03-04-05"


class SpoolCase:
    """A spool, and its facts as they are read in the run's log."""

    def __init__(self, run: RunFolder, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._run = run
        self._spool = Spool(run, segment_bytes=segment_bytes)
        self.publisher: Publisher = self._spool

    def facts(self) -> list[Payload]:
        self._spool.close()
        writer = LogWriter(self._run)
        Merger(writer, self._run).merge_rest()
        writer.close()
        events = [decode_event(line) for line in LogReader(self._run).poll()]
        return [event.payload for event in events if event is not None]


class SegmentsCase(SpoolCase):
    """A spool that begins a new segment after each few events."""

    def __init__(self, run: RunFolder) -> None:
        super().__init__(run, segment_bytes=300)


@pytest.fixture(params=[SpoolCase, SegmentsCase])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> SpoolCase:
    return request.param(EventStorage(tmp_path).run(RUN_ID))


def line(text: str) -> LogLines:
    return LogLines(grid_search_id=RUN_ID, stream="stdout", lines=[text])


def test_facts_arrive_equal_and_in_order(case: SpoolCase) -> None:
    facts: list[Payload] = [line(text) for text in ("", "a", 'quote " and \\', "line\nbreak", "ä 😀 \0")]
    facts.append(RunEnded(grid_search_id=RUN_ID, reason="finished", counts={"finished": 2}))
    for fact in facts:
        case.publisher.publish(fact)
    assert case.facts() == facts


def test_nothing_published_is_nothing_told(case: SpoolCase) -> None:
    assert case.facts() == []


def test_threads_may_publish_at_once(case: SpoolCase) -> None:
    def publish(name: int) -> None:
        for count in range(50):
            case.publisher.publish(line(f"{name} {count}"))

    threads = [threading.Thread(target=publish, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = [fact.lines[0] for fact in case.facts() if isinstance(fact, LogLines)]
    for name in range(4):
        assert [text for text in told if text.startswith(f"{name} ")] == [f"{name} {count}" for count in range(50)]


def test_a_score_that_is_no_number_arrives_as_null_with_a_flag(case: SpoolCase) -> None:
    scores = [LossScore(loss="mse", split="val", score=float("nan"))]
    case.publisher.publish(
        EvaluationResult(grid_search_id=RUN_ID, experiment_id=0, epoch=0, metric_scores=[], loss_scores=scores)
    )
    (fact,) = case.facts()
    assert isinstance(fact, EvaluationResult)
    assert fact.loss_scores == [LossScore(loss="mse", split="val", score=None, not_finite="nan")]


def test_an_event_that_is_too_large_is_refused_and_harms_no_other(case: SpoolCase) -> None:
    case.publisher.publish(line("before"))
    with pytest.raises(StoreError) as caught:
        case.publisher.publish(line("a" * MAX_LINE_BYTES))
    assert caught.value.code == "MG407"
    case.publisher.publish(line("after"))
    assert case.facts() == [line("before"), line("after")]
