"""Lines that were sent: what comes into a log, what is written anew and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgym_core.errors import StoreError
from mlgym_core.events.codec import MAX_LINE_BYTES, NO_LINE_BEFORE, chain_lines, encode_event, encode_foreign
from mlgym_core.events.sent import check_line, take_stamp
from mlgym_core.events.types import EvaluationResult, ExperimentConfig, Payload

RUN = "2026-01-02--03-04-05"

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def line(payload: str = "", before: str = "", after: str = "") -> bytes:
    body = f'"payload":{{"grid_search_id":"{RUN}"{payload}}}'
    return f'{{{before}"event_type":"note","creation_ts":1,{body}{after}}}'.encode()


@given(config=st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_what_this_project_writes_is_taken_byte_for_byte(config: dict[str, Any]) -> None:
    written = encode_event(ExperimentConfig(grid_search_id=RUN, experiment_id=0, job_id=0, config=config))
    assert check_line(written, RUN) == written


def test_results_are_taken_as_they_are_without_a_copy(result: Callable[..., EvaluationResult]) -> None:
    for score in (0.1 + 0.2, 1e-7, 12345.678, 5.0, None, float("nan")):
        written = encode_event(result(score, score))
        assert check_line(written, RUN) is written


@given(extra=st.dictionaries(st.text(max_size=5).filter(lambda key: key != "grid_search_id"), JSON, max_size=4))
def test_another_spelling_is_written_anew_with_the_same_content(extra: dict[str, Any]) -> None:
    event = {"creation_ts": 5, "payload": {"grid_search_id": RUN, **extra}, "event_type": "note", "k": [1.0]}
    found = check_line(json.dumps(event).encode(), RUN)
    assert json.loads(found) == event
    assert found == check_line(found, RUN) == encode_foreign(event)[1]
    assert found.startswith(b'{"event_type":"note","creation_ts":5,"payload":{')


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_a_number_that_is_not_finite_becomes_null_and_a_score_is_flagged(number: str) -> None:
    assert json.loads(check_line(line(f',"n":[{number}]'), RUN))["payload"]["n"] == [None]
    scores = f',"experiment_id":0,"epoch":0,"metric_scores":[{{"metric":"f1","split":"val","score":{number}}}]'
    found = json.loads(check_line(line(scores).replace(b'"note"', b'"evaluation_result"'), RUN))
    (score,) = found["payload"]["metric_scores"]
    assert score["score"] is None
    assert score["not_finite"] == str(float(number.replace("Infinity", "inf")))


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"1",
        b"[]",
        b"{}",
        line()[:-1],
        line() + b"}",
        line(',"a":"?"').replace(b"?", b"\xff"),
        line(',"a":1,"a":2'),
        line(',"a":{"b":1,"b":1}'),
        line(after=',"k":1,"k":2'),
        line(before='"event_type":"log",'),
        line(',"a":"\\ud800"'),
        line(f',"grid_search_id":"{RUN}"'),
        line().replace(RUN.encode(), b"other"),
        line().replace(RUN.encode(), b"../evil"),
        line().replace(b'"creation_ts":1', b'"creation_ts":1.5'),
        line().replace(b'"creation_ts":1', b'"creation_ts":true'),
        line().replace(b'"creation_ts":1', b'"creation_ts":99999999999999999999'),
        line().replace(b'"note"', b'""'),
        line().replace(b'"note"', b"7"),
        line(',"a":' + "[" * 70 + "]" * 70),
        line(',"a":' + "[" * 100_000 + "]" * 100_000),
        line(',"a":' + "9" * 5_000),
        line(f',"a":"{"b" * MAX_LINE_BYTES}"'),
        line(after=',"x":1'),
        line(after=',"x":{"producer":"a","seq":1}'),
        line().decode().encode("utf-16"),
    ],
)
def test_what_is_no_sound_event_of_the_run_is_refused(sent: bytes) -> None:
    with pytest.raises(StoreError) as caught:
        check_line(sent, RUN)
    assert caught.value.code in ("MG407", "MG401")


@given(noise=st.binary(max_size=60), at=st.integers(0, 60))
def test_whatever_is_taken_is_one_line_that_every_reader_takes(noise: bytes, at: int) -> None:
    sound = line(',"a":1')
    try:
        found = check_line(sound[:at] + noise + sound[at:], RUN)
    except StoreError:
        return
    assert b"\n" not in found
    assert msgspec.json.decode(found.decode()) == json.loads(found)
    assert json.loads(found)["payload"]["grid_search_id"] == RUN


def test_a_stamp_is_taken_off_whoever_wrote_it(progress: Callable[..., Payload]) -> None:
    plain = encode_event(progress(0))
    (stamped,), _ = chain_lines([plain], "p.1", 7, NO_LINE_BEFORE)
    event = json.loads(plain)
    for sent in (
        stamped,
        plain[:-1] + b',"x":{"producer":"p.1","seq":7}}',
        json.dumps({**event, "x": {"producer": "p.1", "seq": 7}}).encode(),
        json.dumps({**event, "x": {"producer": "p.1", "seq": 7, "prev": NO_LINE_BEFORE}}, indent=1).encode(),
    ):
        found, producer, seq = take_stamp(sent)
        assert (producer, seq) == ("p.1", 7)
        assert check_line(found, RUN) == plain


@pytest.mark.parametrize(
    "end",
    [
        b"}",
        b',"x":{"producer":"a","seq":0}}',
        b',"x":{"producer":"../a","seq":1}}',
        b',"x":{"producer":"a","seq":1,"prev":"12"}}',
        b',"x":{"producer":"a","seq":1},"y":1}',
        b',"x":{"seq":1,"producer":"a"}}',
    ],
)
def test_what_is_no_stamp_at_the_end_stays(end: bytes) -> None:
    sent = line()[:-1] + end
    assert take_stamp(sent) == (sent, None, 0)


def test_a_stamp_inside_of_a_text_is_none() -> None:
    sent = line(',"a":' + json.dumps(',"x":{"producer":"a","seq":1}}'))
    assert take_stamp(sent) == (sent, None, 0)
