"""A batch, taken apart."""

import pytest

from ml_board.socket.batches import read_batch
from mlgym_core.events.log import SliceError


def line(text, stamp="", run_id="r"):
    payload = f'{{"grid_search_id":"{run_id}","text":"{text}"}}'
    return f'{{"event_type":"note","creation_ts":1,"payload":{payload}{stamp}}}'.encode()


def stamped(text, producer, seq, prev=""):
    return line(text, f',"x":{{"producer":"{producer}","seq":{seq}{prev}}}')


def read(*lines):
    return read_batch(b"\n".join(lines), "r", "bound", 7)


def test_lines_without_a_stamp_are_the_next_of_the_bound_producer():
    assert read(line("a"), line("b")) == [("bound", 7, [line("a"), line("b")])]


def test_a_last_newline_is_no_line():
    assert read_batch(line("a") + b"\n", "r", "bound", 7) == [("bound", 7, [line("a")])]
    assert read_batch(b"", "r", "bound", 7) == []


def test_stamps_are_taken_off_and_say_whose_a_line_is():
    prev = ',"prev":"' + "0" * 64 + '"'
    found = read(stamped("a", "p", 3), stamped("b", "p", 4, prev), stamped("c", "q", 1), stamped("d", "p", 5))
    assert found == [("p", 3, [line("a"), line("b")]), ("q", 1, [line("c")]), ("p", 5, [line("d")])]


def test_a_producer_that_leaves_numbers_out_begins_anew():
    assert read(stamped("a", "p", 3), stamped("b", "p", 5)) == [("p", 3, [line("a")]), ("p", 5, [line("b")])]


def test_stamped_lines_do_not_move_the_place_of_the_others():
    found = read(line("a"), stamped("b", "p", 9), line("c"))
    assert found == [("bound", 7, [line("a")]), ("p", 9, [line("b")]), ("bound", 8, [line("c")])]


@pytest.mark.parametrize(
    ("bad", "whose"), [(line("x", run_id="s"), "bound"), (stamped("x", "p", 1)[:-1], "bound"), (b"", "bound")]
)
def test_a_line_that_is_not_sound_is_told_with_its_place(bad, whose):
    with pytest.raises(SliceError, match="line 1 of the batch") as caught:
        read(line("a"), bad, line("b"))
    assert caught.value.producer == whose
