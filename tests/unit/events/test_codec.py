"""One event as a line: its layout, its bounds, and what comes from others."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgym_core.errors import StoreError
from mlgym_core.events.codec import (
    FREE_FORM,
    MAX_DEPTH,
    MAX_LINE_BYTES,
    NO_LINE_BEFORE,
    chain_lines,
    decode_event,
    digest,
    encode_event,
    encode_foreign,
    read_head,
    read_stamp,
    standard,
)
from mlgym_core.events.types import (
    EVENT_TYPES,
    EvaluationResult,
    ExperimentConfig,
    ExperimentStatus,
    JobStatus,
    LogLines,
    Payload,
)

RUN_ID = "2026-01-02--03-04-05"
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def foreign(**changes: Any) -> dict[str, Any]:
    event: dict[str, Any] = {
        "event_type": "job_status",
        "creation_ts": 1669234123870175,
        "payload": {"grid_search_id": RUN_ID, "experiment_id": 3},
    }
    return {**event, **changes}


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_the_keys_of_a_line_have_the_order_of_the_contract(progress: Callable[..., Payload]) -> None:
    before = time.time_ns() // 1000
    line = encode_event(progress(7))
    event = json.loads(line)
    assert list(event) == ["event_type", "creation_ts", "payload"]
    assert event["event_type"] == "experiment_status"
    assert before <= event["creation_ts"] <= time.time_ns() // 1000
    assert event["payload"]["current_batch"] == 7
    assert b"\n" not in line


def test_an_event_reads_back_equal(progress: Callable[..., Payload]) -> None:
    event = decode_event(encode_event(progress(7)))
    assert event is not None
    assert event.payload == progress(7)
    assert event.event_type == EVENT_TYPES[ExperimentStatus]


@given(config=st.dictionaries(st.text(), JSON_VALUES, max_size=4))
def test_any_configuration_reads_back_equal_with_and_without_a_stamp(config: dict[str, Any]) -> None:
    payload = ExperimentConfig(grid_search_id=RUN_ID, experiment_id=0, job_id=0, config=config)
    line = encode_event(payload)
    (stamped,), _ = chain_lines([line], "producer", 3, digest(line))
    for each in (line, stamped):
        event = decode_event(each)
        assert event is not None
        assert event.payload == payload
    found = read_stamp(stamped)
    assert found is not None
    assert (found.producer, found.seq, found.prev) == ("producer", 3, digest(line))
    assert read_stamp(line) is None
    assert list(json.loads(stamped)) == ["event_type", "creation_ts", "payload", "x"]


@pytest.mark.parametrize(("score", "flag"), [(float("nan"), "nan"), (float("inf"), "inf"), (float("-inf"), "-inf")])
def test_a_score_that_is_no_finite_number_is_null_and_flagged(
    result: Callable[..., EvaluationResult], score: float, flag: str
) -> None:
    payload = json.loads(encode_event(result(score, 0.5)))["payload"]
    assert payload["metric_scores"] == [{"metric": "f1", "split": "val", "score": None, "not_finite": flag}]
    assert payload["loss_scores"] == [{"loss": "cross_entropy", "split": "val", "score": 0.5}]


def test_a_flag_that_the_producer_set_is_kept(result: Callable[..., EvaluationResult]) -> None:
    given_flag = msgspec.structs.replace(result(None, float("inf")))
    flagged = msgspec.structs.replace(
        given_flag, metric_scores=[msgspec.structs.replace(given_flag.metric_scores[0], not_finite="nan")]
    )
    payload = json.loads(encode_event(flagged))["payload"]
    assert payload["metric_scores"][0]["not_finite"] == "nan"
    assert payload["loss_scores"][0]["not_finite"] == "inf"


def test_an_event_that_is_too_large_is_refused() -> None:
    lines = LogLines(grid_search_id=RUN_ID, stream="stdout", lines=["a" * MAX_LINE_BYTES])
    with pytest.raises(StoreError, match="bytes") as caught:
        encode_event(lines)
    assert caught.value.code == "MG407"


@pytest.mark.parametrize("depth", [MAX_DEPTH, 2000, 100_000])
def test_an_event_that_is_too_deep_is_refused(depth: int) -> None:
    payload = ExperimentConfig(grid_search_id=RUN_ID, experiment_id=0, job_id=0, config={"a": nested(depth)})
    with pytest.raises(StoreError) as caught:
        encode_event(payload)
    assert caught.value.code == "MG407"


def test_every_type_that_may_hold_anything_is_looked_at() -> None:
    def may_hold_anything(kind: object) -> bool:
        parts = [getattr(field, "type", field) for field in getattr(kind, "fields", ())]
        parts += [getattr(kind, name) for name in ("item_type", "value_type") if hasattr(kind, name)]
        parts += getattr(kind, "types", ())
        return isinstance(kind, msgspec.inspect.AnyType) or any(may_hold_anything(part) for part in parts)

    assert {kind for kind in EVENT_TYPES if may_hold_anything(msgspec.inspect.type_info(kind))} == FREE_FORM


def test_many_brackets_beside_each_other_are_not_deep() -> None:
    config = {str(key): [{}] for key in range(200)}
    assert b'"199":[{}]' in encode_event(
        ExperimentConfig(grid_search_id=RUN_ID, experiment_id=0, job_id=0, config=config)
    )


def test_what_json_cannot_hold_is_refused() -> None:
    with pytest.raises(StoreError, match="experiment_config"):
        encode_event(ExperimentConfig(grid_search_id=RUN_ID, experiment_id=0, job_id=0, config={"a": object}))


def test_a_type_that_this_version_does_not_know_is_none() -> None:
    _, line = encode_foreign(foreign(event_type="job_scheduled"))
    assert decode_event(line) is None


def test_a_known_type_of_another_form_is_none() -> None:
    _, line = encode_foreign(foreign(payload={"grid_search_id": RUN_ID, "status": "SOMETHING"}))
    assert decode_event(line) is None


def test_numbers_that_come_as_strings_are_read() -> None:
    payload = {"grid_search_id": RUN_ID, "experiment_id": "3", "job_id": "a-1", "job_type": 1, "status": "DONE"}
    event = decode_event(encode_foreign(foreign(payload=payload))[1])
    assert event is not None
    assert isinstance(event.payload, JobStatus)
    assert event.payload.experiment_id == 3


@pytest.mark.parametrize(
    "line", [b"", b"{}", b"null", b"[1]", b'{"event_type":"a","creation_ts":1}', b"\xff", b"[" * 10_000]
)
def test_a_line_without_an_event_is_an_error(line: bytes) -> None:
    with pytest.raises(StoreError):
        decode_event(line)


@pytest.mark.parametrize("line", [b"", b"{}", b'{"event_type":"a","creation_ts":1', b"[" * 10_000])
def test_the_head_of_what_is_no_event_is_an_error(line: bytes) -> None:
    with pytest.raises(StoreError):
        read_head(line)


def test_a_foreign_event_keeps_its_further_keys_and_loses_its_stamp() -> None:
    run_id, line = encode_foreign(foreign(note="kept", x={"producer": "p", "seq": 1, "prev": NO_LINE_BEFORE}))
    assert run_id == RUN_ID
    assert list(json.loads(line)) == ["event_type", "creation_ts", "payload", "note"]


def test_a_foreign_score_that_is_not_finite_is_null_and_flagged() -> None:
    scores = [{"metric": "f1", "split": "val", "score": float("nan")}, {"metric": "p", "split": "val", "score": 1}]
    payload = {"grid_search_id": RUN_ID, "experiment_id": 3, "epoch": 0, "metric_scores": scores, "loss_scores": "odd"}
    _, line = encode_foreign(foreign(event_type="evaluation_result", payload=payload))
    written = json.loads(line)["payload"]
    assert written["metric_scores"][0] == {"metric": "f1", "split": "val", "score": None, "not_finite": "nan"}
    assert written["metric_scores"][1] == scores[1]
    assert written["loss_scores"] == "odd"


NO_EVENTS: dict[str, object] = {
    "null": None,
    "a list": [],
    "a text": "text",
    "no type": foreign(event_type=None),
    "an empty type": foreign(event_type=""),
    "a time as text": foreign(creation_ts="1"),
    "a time that is a boolean": foreign(creation_ts=True),
    "a payload that is a list": foreign(payload=[]),
    "no run": foreign(payload={}),
    "a run outside the storage": foreign(payload={"grid_search_id": "../evil_room"}),
    "a run that is a number": foreign(payload={"grid_search_id": 5}),
    "half a character": foreign(payload={"grid_search_id": RUN_ID, "a": "\ud800"}),
    "too deep": foreign(payload={"grid_search_id": RUN_ID, "a": nested(MAX_DEPTH)}),
    "far too deep": foreign(payload={"grid_search_id": RUN_ID, "a": nested(100_000)}),
    "too large": foreign(payload={"grid_search_id": RUN_ID, "a": "a" * MAX_LINE_BYTES}),
}


@pytest.mark.parametrize("name", NO_EVENTS)
def test_what_is_no_event_is_refused(name: str) -> None:
    with pytest.raises(StoreError):
        encode_foreign(NO_EVENTS[name])


def test_a_line_with_the_nan_of_another_program_is_read_and_made_standard() -> None:
    scores = [{"metric": "f1", "split": "val", "score": float("-inf")}]
    payload = {"grid_search_id": RUN_ID, "experiment_id": 3, "epoch": 0, "metric_scores": scores, "loss_scores": []}
    line = json.dumps(foreign(event_type="evaluation_result", payload=payload)).encode()
    assert b"-Infinity" in line
    assert read_head(line) == ("evaluation_result", 1669234123870175)
    event = decode_event(line)
    assert event is not None
    assert isinstance(event.payload, EvaluationResult)
    assert event.payload.metric_scores[0].not_finite == "-inf"
    assert json.loads(standard(line))["payload"]["metric_scores"][0]["score"] is None


def test_a_standard_line_is_left_as_it_is() -> None:
    plain = encode_event(LogLines(grid_search_id=RUN_ID, stream="stdout", lines=["NaN"]))
    (line,), _ = chain_lines([plain], "p", 1, NO_LINE_BEFORE)
    assert standard(line) is line


@pytest.mark.parametrize("end", [b"", b"}", b" ", b'{"a":1}'])
def test_only_a_stamp_at_the_very_end_of_the_line_counts(end: bytes) -> None:
    (inner,), _ = chain_lines([b'{"a":1}'], "producer", 1, NO_LINE_BEFORE)
    assert (read_stamp(inner + end) is None) == bool(end)
