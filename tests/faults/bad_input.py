"""What a client may send by mistake or on purpose: strategies of hypothesis for an event's name and its data."""

from __future__ import annotations

import json
import math
from typing import Any

from hypothesis import strategies as st

RUN_ID = "2026-01-02--03-04-05"
TYPES = (
    "evaluation_result", "experiment_config", "experiment_status", "job_status", "checkpoint_saved", "run_ended",
    "attempt_started", "log", "system_metrics", "dropped", "unknown", "run_trashed",
)  # fmt: skip
FIELDS = ("experiment_id", "epoch", "metric_scores", "loss_scores", "config", "status", "resources", "lines", "counts")
NO_NAMES = ("", ".", "..", "a/b", "\0", "é", "x" * 129, "run")
NO_LINES = (
    b"",
    b"\n\n",
    b"\xff\xfe",
    b"{}",
    b'{"event_type":"log","event_type":"log","creation_ts":1e999,"payload":{}}',
    b'{"event_type":"\xc3","creation_ts":1,"payload":{"grid_search_id":"2026-01-02--03-04-05"}}',
    b'{"event_type":"log","creation_ts":1,"payload":{"grid_search_id":"2026-01-02--03-04-05"}} {}',
    b'{"event_type":"log","creation_ts":1,"payload":{"grid_search_id":"other-run"}}',
)

names = st.just(RUN_ID) | st.sampled_from(NO_NAMES) | st.text(max_size=9)
numbers = st.integers() | st.floats() | st.sampled_from([2**63, 2**64, -1, 0, math.nan, math.inf, 1e308])
scalars = st.none() | st.booleans() | numbers | st.text(max_size=20) | names
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4)
)


def _event(event_type: Any, creation_ts: Any, run_id: Any, fields: dict[str, Any]) -> dict[str, Any]:
    return {"event_type": event_type, "creation_ts": creation_ts, "payload": {"grid_search_id": run_id, **fields}}


def _with_stamp(event: dict[str, Any], producer: Any, seq: Any) -> dict[str, Any]:
    return {**event, "x": {"producer": producer, "seq": seq}}


almost_events = st.builds(
    _event,
    st.sampled_from(TYPES) | scalars,
    numbers | scalars,
    names,
    st.dictionaries(st.sampled_from(FIELDS), values, max_size=5),
)
events = values | almost_events | st.builds(_with_stamp, almost_events, names, numbers | values)
event_lines = events.map(lambda event: json.dumps(event).encode())
deep_lines = st.integers(1, 3000).map(lambda depth: b'{"event_type":' + b"[" * depth + b"]" * depth + b"}")
lines = st.binary(max_size=60) | event_lines | event_lines.map(lambda line: line[:-3]) | deep_lines
batches = st.lists(lines | st.sampled_from(NO_LINES), max_size=5).map(b"\n".join) | values
greetings = values | st.fixed_dictionaries(
    {"v": numbers | st.just(2), "producer": names, "grid_search_id": names}, optional={"producers": values}
)
joins = values | st.fixed_dictionaries(
    {"rooms": st.lists(names, max_size=3) | values},
    optional={"from_offset": numbers | values, "v": numbers, "client_id": values},
)
calls = (
    st.tuples(st.just("mlgym_event"), events)
    | st.tuples(st.just("batch"), batches)
    | st.tuples(st.just("hello"), greetings)
    | st.tuples(st.just("join"), joins)
    | st.tuples(st.sampled_from(["watch", "unwatch"]), values)
)
