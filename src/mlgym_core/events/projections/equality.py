"""Whether two logs tell the same results: what a resumed run is held against one that was never broken off.

Owns what counts. It is the contract's: for each experiment the order of its configurations, results and checkpoints,
and how it ended; without times, processes, attempts and the run's own id.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import msgspec

from mlgym_core.events.codec import decode_event
from mlgym_core.events.projections.run_fold import RunFold
from mlgym_core.events.types import EVENT_TYPES, CheckpointSaved, EvaluationResult, ExperimentConfig, Payload

_COMPARED = (ExperimentConfig, EvaluationResult, CheckpointSaved)
_APART = ("grid_search_id", "experiment_id")
_ABSENT = "nothing"


@dataclass(slots=True)
class _Story:
    """What counts of one experiment."""

    facts: list[dict[str, Any]] = field(default_factory=list)
    end: str = _ABSENT


def differences(log_a: Iterable[bytes], log_b: Iterable[bytes]) -> list[str]:
    """Where the lines of two logs tell different results, a sentence each; none where the logs are equal.

    Of each experiment the first fact that differs is named.

    Raises:
        StoreError: a line holds no event.
    """
    stories_a, stories_b = _read(log_a), _read(log_b)
    found = []
    for experiment_id in sorted(stories_a.keys() | stories_b.keys()):
        a, b = stories_a.get(experiment_id, _Story()), stories_b.get(experiment_id, _Story())
        found += [f"experiment {experiment_id}: {each}" for each in _compare(a, b)]
    return found


def _read(log: Iterable[bytes]) -> dict[int, _Story]:
    fold = RunFold()
    stories: dict[int, _Story] = {}
    for line in log:
        event = decode_event(line)
        fold.apply(event, len(line) + 1)
        if event is not None and isinstance(event.payload, _COMPARED):
            stories.setdefault(event.payload.experiment_id, _Story()).facts.append(_told(event.payload))
    for experiment_id, experiment in fold.state.experiments.items():
        stories.setdefault(experiment_id, _Story()).end = experiment.status
    return stories


def _told(payload: Payload) -> dict[str, Any]:
    told = {name: value for name, value in msgspec.to_builtins(payload).items() if name not in _APART}
    return {"event_type": EVENT_TYPES[type(payload)], **told}


def _compare(a: _Story, b: _Story) -> Iterable[str]:
    for number, (fact_a, fact_b) in enumerate(zip_longest(a.facts, b.facts)):
        if fact_a != fact_b:
            yield f"fact {number} is {_name(fact_a)} and {_name(fact_b)}{_where(fact_a, fact_b)}"
            break
    if a.end != b.end:
        yield f"it ended as {a.end} and {b.end}"


def _name(fact: dict[str, Any] | None) -> str:
    if fact is None:
        return _ABSENT
    position = [f"{key} {fact[key]}" for key in ("epoch", "step", "batch") if fact.get(key) is not None]
    return ", ".join([fact["event_type"], *position])


def _where(fact_a: dict[str, Any] | None, fact_b: dict[str, Any] | None) -> str:
    if fact_a is None or fact_b is None or _name(fact_a) != _name(fact_b):
        return ""
    for key in fact_a | fact_b:
        if fact_a.get(key) != fact_b.get(key):
            return f", whose {key} is {_short(fact_a.get(key))} and {_short(fact_b.get(key))}"
    return ""


def _short(value: Any) -> str:
    rows = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    text = ", ".join(str(each) for each in rows)
    return text if len(text) <= 500 else f"{text[:500]} …"
