"""What a stream carries, cut into lines."""

from hypothesis import given
from hypothesis import strategies as st

from mlgym_core.execution.process_logs import MAX_LINE_BYTES
from mlgym_core.execution.worker_process import LineSplitter


def test_a_line_is_whole_only_with_its_newline() -> None:
    lines = LineSplitter()

    assert lines.feed(b"one\ntw") == ["one"]
    assert lines.feed(b"o\n") == ["two"]
    assert lines.feed(b"three") == []
    assert lines.rest() == ["three"]
    assert lines.rest() == []


def test_of_a_progress_bar_the_last_state_counts() -> None:
    assert LineSplitter().feed(b"10%\r50%\r100%\r\n") == ["100%"]


def test_a_line_without_end_does_not_grow_without_bound() -> None:
    lines = LineSplitter()

    assert lines.feed(b"x" * (MAX_LINE_BYTES + 1)) == ["x" * MAX_LINE_BYTES, "x"]
    assert lines.rest() == []


def test_no_part_of_a_long_line_is_lost() -> None:
    written = bytes(range(ord("a"), ord("z"))) * 10_000

    found = LineSplitter().feed(written + b"\n")

    assert max(map(len, found)) == MAX_LINE_BYTES
    assert "".join(found) == written.decode()


def test_bytes_that_are_no_text_are_kept_visible() -> None:
    assert LineSplitter().feed(b"\xff ok\n") == ["\ufffd ok"]


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="\n\r", codec="utf-8"))), st.integers(1, 7))
def test_no_line_depends_on_how_the_stream_was_cut(written: list[str], size: int) -> None:
    data = "".join(f"{line}\n" for line in written).encode()
    lines = LineSplitter()

    found = [line for start in range(0, len(data), size) for line in lines.feed(data[start : start + size])]

    assert found == written
