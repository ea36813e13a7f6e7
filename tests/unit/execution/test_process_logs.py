"""What a process writes becomes events within bounds, and what is let go is counted."""

from mlgym_core.events.types import Dropped, LogLines, Payload
from mlgym_core.execution.process_logs import (
    BURST_LINES,
    LINES_PER_SECOND,
    MAX_EVENT_BYTES,
    MAX_EVENT_LINES,
    MAX_LINE_BYTES,
    ProcessLog,
)


class Bench:
    """A log with a clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 0.0
        self.published: list[Payload] = []
        self.log = ProcessLog(self, "run", 3, clock=lambda: self.now)

    def publish(self, payload: Payload) -> None:
        self.published.append(payload)

    @property
    def events(self) -> list[LogLines]:
        return [each for each in self.published if isinstance(each, LogLines)]

    @property
    def lines(self) -> list[str]:
        return [line for each in self.events for line in each.lines]

    @property
    def num_dropped(self) -> int:
        assert all(each.event_type == "log" for each in self.published if isinstance(each, Dropped))
        return sum(each.count for each in self.published if isinstance(each, Dropped))


def test_lines_keep_their_stream_level_and_order() -> None:
    bench = Bench()
    bench.log.write("stdout", ["one", "two"])
    bench.log.write("logging", ["three"], "ERROR")

    assert [(each.experiment_id, each.stream, each.level, each.lines) for each in bench.events] == [
        (3, "stdout", None, ["one", "two"]),
        (3, "logging", "ERROR", ["three"]),
    ]


def test_nothing_written_is_no_event() -> None:
    bench = Bench()
    bench.log.write("stdout", [])
    bench.log.close()

    assert bench.published == []


def test_an_event_holds_a_bounded_number_of_lines() -> None:
    bench = Bench()
    lines = [str(number) for number in range(2 * MAX_EVENT_LINES + 1)]
    bench.log.write("stdout", lines)

    assert [len(each.lines) for each in bench.events] == [MAX_EVENT_LINES, MAX_EVENT_LINES, 1]
    assert bench.lines == lines


def test_an_event_holds_a_bounded_number_of_bytes() -> None:
    bench = Bench()
    lines = [f"{number:05d}" * 2_000 for number in range(60)]
    bench.log.write("stdout", lines)

    assert max(sum(map(len, each.lines)) for each in bench.events) <= MAX_EVENT_BYTES
    assert len(bench.events) > 1
    assert bench.lines == lines


def test_a_line_that_is_too_long_is_cut_and_says_so() -> None:
    bench = Bench()
    bench.log.write("logging", ["ä" * MAX_LINE_BYTES])

    [line] = bench.lines
    assert len(line.encode()) <= MAX_LINE_BYTES
    assert line.startswith("ä" * 1000)
    assert line.endswith(f" … (cut: the line has {2 * MAX_LINE_BYTES:,} bytes)")


def test_what_utf8_does_not_have_stays_visible() -> None:
    bench = Bench()
    bench.log.write("logging", ["\udcff"])

    assert bench.lines == ["\\udcff"]


def test_a_flood_ends_after_a_burst_and_is_counted_at_the_end() -> None:
    bench = Bench()
    for _ in range(5):
        bench.log.write("stdout", ["x"] * BURST_LINES)
    assert bench.num_dropped == 0
    bench.log.close()

    assert len(bench.lines) == BURST_LINES
    assert bench.num_dropped == 4 * BURST_LINES


def test_what_was_let_go_is_counted_before_the_next_line() -> None:
    bench = Bench()
    bench.log.write("stdout", ["x"] * (BURST_LINES + 7))
    bench.now += 1
    bench.log.write("stdout", ["after"])
    bench.log.close()

    [*_, dropped, last] = bench.published
    assert isinstance(dropped, Dropped)
    assert (dropped.count, dropped.experiment_id) == (7, 3)
    assert isinstance(last, LogLines)
    assert last.lines == ["after"]


def test_a_flood_that_goes_on_is_told_about_once_a_second() -> None:
    bench = Bench()
    seconds, writes_per_second = 20, 100
    for _ in range(seconds * writes_per_second):
        bench.now += 1 / writes_per_second
        bench.log.write("stdout", ["x"] * LINES_PER_SECOND)
    bench.log.close()

    written = seconds * writes_per_second * LINES_PER_SECOND
    assert len(bench.lines) <= BURST_LINES + seconds * LINES_PER_SECOND
    assert len(bench.lines) + bench.num_dropped == written
    assert sum(isinstance(each, Dropped) for each in bench.published) <= seconds + 1


def test_long_lines_use_the_allowance_up_sooner() -> None:
    bench = Bench()
    bench.log.write("stdout", ["x" * 2**10] * BURST_LINES)
    bench.log.close()

    assert len(bench.lines) == BURST_LINES // 5
    assert len(bench.lines) + bench.num_dropped == BURST_LINES
