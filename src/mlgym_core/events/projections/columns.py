"""What grows with a run: scores, samples of the machine, and where its log lines stand, in flat columns.

Columns are only ever appended to, by rising event_id, so that a past moment is a prefix of them. Owns their layout in
memory. It must not know which events there are.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isnan, nan
from typing import Any, Literal, TypeAlias

INDEXES = range(2**31)
"""The epochs that a column can hold, and the ids of experiments that there can be."""
_MOST = 2**1000

LogKey: TypeAlias = tuple[int | None, str]
"""The experiment that wrote lines, None for the run as a whole, and the stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """A series by rising x: epochs, or seconds since the epoch; NaN for a value that is none."""

    xs: array[int] | array[float]
    values: array[float]

    def __len__(self) -> int:
        return len(self.xs)


class Column:
    """The points of one series in the order in which they came; of a repeated x, the later point counts.

    `num_rising` of them, from the first on, stand at a higher x than the one before.
    """

    __slots__ = ("event_ids", "num_rising", "values", "xs")

    def __init__(self, kind: Literal["i", "d"]) -> None:
        self.event_ids: array[int] = array("I")
        self.xs: array[Any] = array(kind)
        self.values: array[float] = array("d")
        self.num_rising = 0

    def __len__(self) -> int:
        return len(self.event_ids)

    def arrays(self) -> tuple[array[Any], ...]:
        """All that the column holds, in the order of its bytes."""
        return self.event_ids, self.xs, self.values

    def append(self, event_id: int, x: float, value: float | None) -> None:
        """Adds the point that an event, not earlier than those before, told."""
        if self.num_rising == len(self.xs) and (not self.xs or x > self.xs[-1]):
            self.num_rising += 1
        self.event_ids.append(event_id)
        self.xs.append(x)
        self.values.append(nan if value is None else value)

    def read(self, since: int = 0, before: int | None = None) -> Points:
        """A copy of the points of the events from `since` on that are earlier than `before`."""
        start = bisect_left(self.event_ids, since)
        end = len(self) if before is None else bisect_left(self.event_ids, before, start)
        xs, values = self.xs[start:end], self.values[start:end]
        if end > self.num_rising:
            latest = dict(zip(xs, values, strict=True))
            rising = sorted(latest)
            xs, values = array(xs.typecode, rising), array("d", [latest[x] for x in rising])
        return Points(xs=xs, values=values)

    def added(self, since: int) -> Iterator[tuple[float, float | None]]:
        """The points of the events from `since` on as they came, with None for a value that is none."""
        for place in range(bisect_left(self.event_ids, since), len(self)):
            value = self.values[place]
            yield self.xs[place], None if isnan(value) else value


class LogIndex:
    """The events that hold lines of one stream: their ids, and at which byte of the log each of them starts."""

    __slots__ = ("event_ids", "starts")

    def __init__(self) -> None:
        self.event_ids: array[int] = array("I")
        self.starts: array[int] = array("q")

    def arrays(self) -> tuple[array[Any], ...]:
        """All that the index holds, in the order of its bytes."""
        return self.event_ids, self.starts

    def append(self, event_id: int, start: int) -> None:
        """Adds an event that is later than those before."""
        self.event_ids.append(event_id)
        self.starts.append(start)

    def read(self, selection: LogSelection) -> Iterator[tuple[int, int]]:
        """Events that are asked for as (event_id, start); one more than the limit at most."""
        start = bisect_left(self.event_ids, selection.since)
        end = len(self.event_ids)
        if selection.before is not None:
            end = bisect_left(self.event_ids, selection.before, start)
        if selection.earliest:
            end = min(end, start + selection.limit + 1)
        else:
            start = max(start, end - selection.limit - 1)
        return zip(self.event_ids[start:end], self.starts[start:end], strict=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which scores are asked for, None for all; and only points of events from `since` on, earlier than `before`."""

    experiments: frozenset[int] | None = None
    metrics: frozenset[str] | None = None
    splits: frozenset[str] | None = None
    since: int = 0
    before: int | None = None

    def has(self, experiment_id: int, key: str) -> bool:
        """Whether the score `<split>/<metric>` of an experiment is among them."""
        split, _, metric = key.partition("/")
        return (
            (self.experiments is None or experiment_id in self.experiments)
            and (self.splits is None or split in self.splits)
            and (self.metrics is None or metric in self.metrics)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSelection:
    """Which log lines are asked for, None for all: events from `since` on, earlier than `before`, `limit` at most.

    The latest of them, unless it is the earliest that are asked for.
    """

    experiments: frozenset[int] | None = None
    stream: str | None = None
    since: int = 0
    before: int | None = None
    limit: int = 1000
    earliest: bool = False

    def has(self, key: LogKey) -> bool:
        """Whether the lines of a stream are among them; those of the run as a whole are of no experiment."""
        experiment_id, stream = key
        return (self.experiments is None or experiment_id in self.experiments) and self.stream in (None, stream)


@dataclass(slots=True, kw_only=True)
class Columns:
    """All columns of a run: scores by experiment and `<split>/<name>`, the machine by what was measured, log lines."""

    scores: dict[int, dict[str, Column]] = field(default_factory=dict)
    system: dict[str, Column] = field(default_factory=dict)
    logs: dict[LogKey, LogIndex] = field(default_factory=dict)

    def score(self, experiment_id: int, key: str) -> Column:
        """The column of a score, which begins where there was none."""
        of_experiment = self.scores.get(experiment_id)
        if of_experiment is None:
            of_experiment = self.scores[experiment_id] = {}
        column = of_experiment.get(key)
        if column is None:
            column = of_experiment[key] = Column("i")
        return column

    def select(self, selection: Selection) -> list[tuple[int, str, Points]]:
        """Copies of the scores that are asked for, as (experiment_id, key, points), in order."""
        return [
            (experiment_id, key, column.read(selection.since, selection.before))
            for experiment_id, of_experiment in sorted(self.scores.items())
            for key, column in sorted(of_experiment.items())
            if selection.has(experiment_id, key)
        ]

    def select_lines(self, selection: LogSelection) -> tuple[list[tuple[int, int]], bool]:
        """The events asked for as (event_id, first byte in the log), by rising id, and whether there are more."""
        found: list[tuple[int, int]] = []
        for key, index in self.logs.items():
            if selection.has(key):
                found += index.read(selection)
        found.sort()
        is_more = len(found) > selection.limit
        return found[: selection.limit] if selection.earliest else found[-selection.limit :], is_more

    def add_sample(self, event_id: int, at: float, sample: dict[str, float | None]) -> None:
        """Adds what was measured `at` a time; what was not measured, or is no size of anything, has no point."""
        for key, value in sample.items():
            if value is not None and -_MOST < value < _MOST:
                if key not in self.system:
                    self.system[key] = Column("d")
                self.system[key].append(event_id, at, value)

    def add_lines(self, event_id: int, key: LogKey, start: int) -> None:
        """Notes that an event which starts at this byte of the log holds lines of a stream."""
        if key not in self.logs:
            self.logs[key] = LogIndex()
        self.logs[key].append(event_id, start)
